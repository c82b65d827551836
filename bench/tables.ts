/** Results as tables: aligned for a terminal, or as Markdown for docs/performance.md. */

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  /** Figures as numbers; NaN and "" are shown as nothing. */
  readonly rows: readonly (readonly (string | number)[])[];
  /** Sentences that stand below it. */
  readonly notes?: readonly string[];
}

export function shown({ title, columns, rows, notes = [] }: Table, markdown: boolean): string {
  const texts = rows.map((row) => row.map((cell) => (typeof cell === "number" ? figure(cell) : cell)));
  const widths = columns.map((name, at) => Math.max(3, name.length, ...texts.map((row) => row[at]?.length ?? 0)));
  // The first column is text, the others are figures.
  const line = (row: readonly string[]): string => {
    const cells = widths.map((width, at) =>
      at === 0 ? (row[at] ?? "").padEnd(width) : (row[at] ?? "").padStart(width),
    );
    return markdown ? `| ${cells.join(" | ")} |` : cells.join("  ").trimEnd();
  };
  const rule = widths.map((width, at) => (markdown && at > 0 ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  const table = [line(columns), line(rule), ...texts.map(line)].join("\n");
  const below = notes.map((note) => (markdown ? `- ${note}` : note)).join("\n");
  return [markdown ? `**${title}**` : title, table, ...(below === "" ? [] : [below])].join("\n\n");
}

/** A goal, and whether the figure reaches it. */
export function goal(what: string, value: number, limit: readonly ["at most" | "at least", number]): string {
  const isMet = limit[0] === "at most" ? value <= limit[1] : value >= limit[1];
  return `Goal: ${what} ${limit[0]} ${figure(limit[1])}; it is ${figure(value)}: ${isMet ? "met" : "missed"}.`;
}

/** Three digits or more of what is small, whole numbers of what is large. */
function figure(value: number): string {
  if (Number.isNaN(value)) return "";
  return Number.isInteger(value) || value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(2);
}
