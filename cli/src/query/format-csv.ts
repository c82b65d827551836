/** A query's result as CSV (RFC 4180), written as the rows come. */
import type { QueryResult } from "./run-statement.ts";
import { textOf } from "./result-value.ts";

type Write = (text: string) => Promise<void>;

const lineEnd = "\r\n";

/** A header line, then a line per row. NULL is an empty field, empty text is `""`. */
export async function writeCsv(result: QueryResult, write: Write): Promise<void> {
  await write(lineOf(result.columns.map(({ name }) => name)));
  for await (const rows of result.chunks) {
    await write(rows.map((row) => lineOf(row.map(textOf))).join(""));
  }
}

function lineOf(fields: readonly (string | undefined)[]): string {
  // A line without a sign in it would be no line at all to many readers: one field that is NULL is written as "".
  const line = fields.map(fieldOf).join(",");
  return `${line === "" ? '""' : line}${lineEnd}`;
}

function fieldOf(text: string | undefined): string {
  if (text === undefined) return "";
  return text === "" || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
