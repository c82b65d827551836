/** Reading the normalised files: no sniffing, no leniency, all text. */
import { quoteName, quoteText } from "@airlake/shared/duckdb";

import type { RecordFile } from "../write-records.ts";

/** How the lines of the files are made. */
export interface LineShape {
  readonly delimiter: string;
  /** Whether fields may be quoted. */
  readonly isQuoted: boolean;
  /** How many columns stand behind the number. */
  readonly columns: number;
}

/**
 * Several sources are judged in one go: the number of a record is its number in its source, and above these bits the place
 * of its source among them.
 */
export const numberBits = 32;

/** A file, and the place of its source. */
export interface PlacedFile {
  readonly file: RecordFile;
  readonly place: number;
}

/** The name of a record's number, and of the text in its column `at` (from 0), in what the functions here yield. */
export const numberColumn = "n";
export function fieldColumn(at: number): string {
  return `c${at}`;
}

/** The number of a line's record and its fields as VARCHAR; an empty field is NULL. */
export function readRecords(
  regular: readonly PlacedFile[],
  irregular: readonly PlacedFile[],
  shape: LineShape,
): string {
  // No line end is inside a regular record: several threads may read.
  const parts = [readCsv(regular, shape, "in parallel")];
  if (irregular.length > 0) parts.push(readCsv(irregular, shape, "in order"));
  return parts.join(" UNION ALL ");
}

/** The records that could not be split: `n` and `c0`, the raw text. */
export function readMalformed(file: RecordFile): string {
  return readCsv([{ file, place: 0 }], { delimiter: ",", isQuoted: true, columns: 1 }, "in order");
}

const bufferBytes = 4 * 1024 * 1024;

function readCsv(files: readonly PlacedFile[], shape: LineShape, reading: "in parallel" | "in order"): string {
  const fields = Array.from({ length: shape.columns }, (_, at) => quoteName(fieldColumn(at)));
  const longestLineBytes = Math.max(...files.map(({ file }) => file.longestLineBytes));
  const paths = `[${files.map(({ file }) => quoteText(file.path)).join(", ")}]`;
  const isOne = files.length === 1 && files[0]?.place === 0;
  const options = {
    columns: `{${[`n: 'BIGINT'`, ...fields.map((field) => `${field}: 'VARCHAR'`)].join(", ")}}`,
    auto_detect: "false",
    header: "false",
    delim: quoteText(shape.delimiter),
    quote: quoteText(shape.isQuoted ? '"' : ""),
    escape: quoteText(shape.isQuoted ? '"' : ""),
    new_line: "'\\n'",
    // A buffer must hold a line; by default it holds 16 of the longest, each at once taken from the memory limit.
    max_line_size: String(longestLineBytes + 1),
    buffer_size: String(Math.max(bufferBytes, 2 * longestLineBytes)),
    parallel: String(reading === "in parallel"),
    filename: String(!isOne),
  };
  const list = Object.entries(options).map(([name, value]) => `${name} = ${value}`);
  const places = `[${files.map(({ place }) => `${place}::BIGINT`).join(", ")}]`;
  const number = isOne ? "n" : `n + (${places}[list_position(${paths}, filename)] << ${numberBits}) AS n`;
  return `SELECT ${[number, ...fields].join(", ")} FROM read_csv(${[paths, ...list].join(", ")})`;
}
