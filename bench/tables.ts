/** Results as tables: aligned for a terminal, or as Markdown for docs/performance.md. */

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  /** Figures as numbers; NaN and "" are shown as nothing. */
  readonly rows: readonly (readonly (string | number)[])[];
  /** Stands below it. */
  readonly note?: string;
}

export function shown({ title, columns, rows, note }: Table, markdown: boolean): string {
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
  return [markdown ? `**${title}**` : title, table, ...(note === undefined ? [] : [note])].join("\n\n");
}

/** Three digits or more of what is small, whole numbers of what is large. */
function figure(value: number): string {
  if (Number.isNaN(value)) return "";
  return Number.isInteger(value) || value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(2);
}
