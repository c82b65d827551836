/** Reading the normalised files: no sniffing, no leniency, all text. */
import { quoteName, quoteText } from "@airlake/shared/duckdb";

import type { RecordFile, RecordFiles } from "../write-records.ts";

/** How the lines of the files are made. */
export interface LineShape {
  readonly delimiter: string;
  /** Whether fields may be quoted. */
  readonly isQuoted: boolean;
  /** How many columns stand behind the number. */
  readonly columns: number;
}

/** The name of a record's number, and of the text in its column `at` (from 0), in what `readRecords` yields. */
export const numberColumn = "n";
export function fieldColumn(at: number): string {
  return `c${at}`;
}

/** The number of a line's record and its fields as VARCHAR; an empty field is NULL. */
export function readRecords(files: RecordFiles, shape: LineShape): string {
  const parts = [
    // No line end is inside a record: several threads may read.
    readCsv(files.regular, shape, "in parallel"),
    ...(files.irregular.records > 0 ? [readCsv(files.irregular, shape, "in order")] : []),
  ];
  return parts.join(" UNION ALL ");
}

/** The records that could not be split: `n` and `c0`, the raw text. */
export function readMalformed(file: RecordFile): string {
  return readCsv(file, { delimiter: ",", isQuoted: true, columns: 1 }, "in order");
}

const bufferBytes = 4 * 1024 * 1024;

function readCsv(file: RecordFile, shape: LineShape, reading: "in parallel" | "in order"): string {
  const fields = Array.from({ length: shape.columns }, (_, at) => `${quoteName(fieldColumn(at))}: 'VARCHAR'`);
  const quote = shape.isQuoted ? '"' : "";
  const options = {
    columns: `{${[`${quoteName(numberColumn)}: 'BIGINT'`, ...fields].join(", ")}}`,
    auto_detect: "false",
    header: "false",
    delim: quoteText(shape.delimiter),
    quote: quoteText(quote),
    escape: quoteText(quote),
    new_line: "'\\n'",
    // A buffer must hold a line; by default it holds 16 of the longest, each at once taken from the memory limit.
    max_line_size: String(file.longestLineBytes + 1),
    buffer_size: String(Math.max(bufferBytes, 2 * file.longestLineBytes)),
    parallel: String(reading === "in parallel"),
  };
  const list = Object.entries(options).map(([name, value]) => `${name} = ${value}`);
  return `SELECT * FROM read_csv(${[quoteText(file.path), ...list].join(", ")})`;
}
