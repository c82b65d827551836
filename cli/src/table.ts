/** Tables that line up, in any script: widths are those of the terminal, not of the string. */

export interface Column {
  readonly title: string;
  /** Numbers stand right, words left. */
  readonly align?: "left" | "right";
  /** This column gives way where the table is too wide: its middle is left out. */
  readonly shrinks?: boolean;
}

export interface TableOptions {
  /** Columns of the terminal; Infinity: nothing is cut. */
  readonly width: number;
  /** How the line of titles looks. */
  readonly title?: (text: string) => string;
}

const gap = "  ";
const narrowest = 12;

/** Lines of a table, without colours inside: they would count as width. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  options: TableOptions,
): readonly string[] {
  const widths = fit(columns, naturalWidths(columns, rows), options.width);
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, at) => pad(cells[at] ?? "", widths[at] ?? 0, column.align ?? "left"))
      .join(gap)
      .trimEnd();
  const title = options.title ?? ((text: string) => text);
  const titles = columns.some((column) => column.title !== "")
    ? [title(line(columns.map((column) => column.title)))]
    : [];
  return [...titles, ...rows.map(line)];
}

/** Whether a table needs no cutting. */
export function fitsUncut(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): boolean {
  return naturalWidths(columns, rows).reduce((sum, one) => sum + one + gap.length, -gap.length) <= width;
}

function naturalWidths(columns: readonly Column[], rows: readonly (readonly string[])[]): readonly number[] {
  return columns.map((column, at) =>
    rows.reduce((widest, row) => Math.max(widest, displayWidth(row[at] ?? "")), displayWidth(column.title)),
  );
}

/** Takes what is too much from the shrinking columns, the widest first. */
function fit(columns: readonly Column[], natural: readonly number[], width: number): readonly number[] {
  const widths = [...natural];
  let over = widths.reduce((sum, one) => sum + one, 0) + gap.length * (columns.length - 1) - width;
  while (over > 0) {
    const shrinking = widths
      .map((one, at) => ({ one, at }))
      .filter(({ one, at }) => columns[at]?.shrinks === true && one > narrowest)
      .toSorted((a, b) => b.one - a.one);
    const [widest] = shrinking;
    if (widest === undefined) break;
    widths[widest.at] = widest.one - 1;
    over -= 1;
  }
  return widths;
}

function pad(text: string, width: number, align: "left" | "right"): string {
  const cut = shortened(text, width);
  const blanks = " ".repeat(Math.max(0, width - displayWidth(cut)));
  return align === "left" ? cut + blanks : blanks + cut;
}

/** Text of at most `width` columns; of longer text the beginning and the end, where names differ. */
export function shortened(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  const parts = graphemes(text);
  const forEnd = Math.floor((width - 1) * 0.6);
  const end = taken(parts.toReversed(), forEnd).toReversed().join("");
  const start = taken(parts, width - 1 - displayWidth(end)).join("");
  return `${start}…${end}`;
}

function taken(parts: readonly string[], width: number): readonly string[] {
  let left = width;
  const upTo = parts.findIndex((part) => {
    left -= displayWidth(part);
    return left < 0;
  });
  return upTo < 0 ? parts : parts.slice(0, upTo);
}

const segmenter = new Intl.Segmenter();
const wide =
  /^\p{Emoji_Presentation}|^[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{20000}-\u{3FFFD}]/u;
const zeroWidth = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

function graphemes(text: string): readonly string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** Columns that a text takes on a terminal: East Asian signs and emoji take two, combining marks none. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7E]*$/.test(text)) return text.length;
  return graphemes(text).reduce((sum, sign) => {
    if (zeroWidth.test(sign)) return sum;
    return sum + (wide.test(sign) ? 2 : 1);
  }, 0);
}
