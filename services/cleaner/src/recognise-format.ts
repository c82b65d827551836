/** Which of a dataset's formats a text is in, by its beginning alone: never by a file's name. */
import type { DatasetDefinition, Format } from "@airlake/shared/contracts/dataset";

import { type Limits, sizeText } from "./limits.ts";
import { firstCsvRecordEnd, parseCsvRecord } from "./parse-csv-record.ts";
import type { Rejection } from "./rejection.ts";

export type CsvFormat = Extract<Format, { kind: "csv" }>;
export type NdjsonFormat = Extract<Format, { kind: "ndjson" }>;
export type JsonFormat = Extract<Format, { kind: "json" }>;

/** A format, with what is particular to this source. */
export type Recognised =
  | {
      readonly kind: "csv";
      readonly format: CsvFormat;
      readonly delimiter: string;
      /** The names of its columns, as its header spells them. */
      readonly header: readonly string[];
      /** Whether the first record is the header. */
      readonly hasHeader: boolean;
    }
  | { readonly kind: "ndjson"; readonly format: NdjsonFormat }
  /** It may be one of these; only the whole document shows. */
  | { readonly kind: "json"; readonly candidates: readonly JsonFormat[] };

export interface Head {
  /** The beginning of the text, at most `limits.headBytes` of it. */
  readonly text: Buffer;
  /** Whether that is all. */
  readonly whole: boolean;
}

const instant = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)$/;

/** Tries the dataset's formats in their order. */
export function recogniseFormat(dataset: DatasetDefinition, head: Head, limits: Limits): Recognised | Rejection {
  // What a cut has left of a character at the end cannot matter: it becomes a replacement character.
  const text = head.text.toString("utf8").replace(/^[\r\n]+/, "");
  if (text.trim() === "" && head.whole) {
    return {
      reason: "empty-file",
      detail: "The file is empty: it has not even a header. Put it again with its contents.",
    };
  }
  const recognised = recogniseTable(dataset, { text, whole: head.whole });
  if (recognised?.kind === "csv" && recognised.header.length > limits.columns) {
    return tooManyColumns(recognised.header.length, limits);
  }
  if (recognised) return recognised;
  const candidates = dataset.formats.filter((format) => format.kind === "json");
  if (looksLikeJson(text) && candidates.length > 0) return { kind: "json", candidates };
  return tooWide(dataset, text, limits) ?? unrecognised(dataset, { text, whole: head.whole }, limits);
}

/** A beginning as text. */
interface HeadText {
  readonly text: string;
  readonly whole: boolean;
}

function recogniseTable(dataset: DatasetDefinition, head: HeadText): Exclude<Recognised, { kind: "json" }> | undefined {
  for (const format of dataset.formats) {
    if (format.kind === "csv") {
      const recognised = recogniseCsv(format, head);
      if (recognised) return recognised;
    } else if (format.kind === "ndjson" && hasLineWith(format.paths, head)) {
      return { kind: "ndjson", format };
    }
  }
  return undefined;
}

function looksLikeJson(text: string): boolean {
  return /^\s*[[{]/.test(text);
}

function recogniseCsv(format: CsvFormat, { text, whole }: HeadText): Extract<Recognised, { kind: "csv" }> | undefined {
  for (const delimiter of format.delimiters) {
    const { end, closed } = firstCsvRecordEnd(text, delimiter);
    // Half a header has not all of its columns: every record would have too many.
    if (!closed && !whole) continue;
    const header = parseCsvRecord(text.slice(0, end), delimiter);
    if (format.columns.every((column) => header.includes(column)))
      return { kind: "csv", format, delimiter, header, hasHeader: true };
    const { headerless } = format;
    if (
      headerless &&
      header.length === headerless.columns.length &&
      instant.test(header[headerless.instantAt]?.trim() ?? "")
    ) {
      return { kind: "csv", format, delimiter, header: headerless.columns, hasHeader: false };
    }
  }
  return undefined;
}

/** One good line is enough: the first may be a damaged one. */
function hasLineWith(paths: readonly string[], { text, whole }: HeadText): boolean {
  if (!looksLikeJson(text)) return false;
  const lines = text.split(/\r\n|\r|\n/);
  const complete = whole ? lines : lines.slice(0, -1);
  return complete.some((line) => {
    const parsed = parseObject(line);
    return parsed !== undefined && paths.every((path) => valueAt(parsed, path) !== undefined);
  });
}

function parseObject(line: string): object | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === "object" && parsed !== null ? parsed : undefined;
  } catch {
    // Not JSON: that is the answer.
    return undefined;
  }
}

/** The value at a dotted path of a parsed document; undefined where there is none. */
export function valueAt(document: unknown, path: string): unknown {
  let value = document;
  for (const name of path === "" ? [] : path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = Object.entries(value).find(([key]) => key === name)?.[1];
  }
  return value;
}

function tooWide(dataset: DatasetDefinition, text: string, limits: Limits): Rejection | undefined {
  if (looksLikeJson(text)) return undefined;
  const delimiters = new Set(dataset.formats.flatMap((format) => (format.kind === "csv" ? format.delimiters : [])));
  const widest = Math.max(
    0,
    ...[...delimiters].map((sign) => parseCsvRecord(text.slice(0, firstCsvRecordEnd(text, sign).end), sign).length),
  );
  return widest > limits.columns ? tooManyColumns(widest, limits) : undefined;
}

function tooManyColumns(columns: number, limits: Limits): Rejection {
  return {
    reason: "too-many-columns",
    detail: `The first line has ${columns} columns or more; ${limits.columns} is the most that a source may have. Put a file with the columns that are needed.`,
  };
}

function unrecognised(dataset: DatasetDefinition, head: HeadText, limits: Limits): Rejection {
  const line = /^[^\r\n]*/.exec(head.text)?.[0] ?? "";
  const known = dataset.formats.map((format) => format.name).join(", ");
  const shown = line.length > 120 ? `${line.slice(0, 120)}…` : line;
  const cut =
    head.whole || line.length < head.text.length ? "" : ` The first line is longer than ${sizeText(limits.headBytes)}.`;
  return {
    reason: "unrecognised-format",
    detail: `The file begins ${JSON.stringify(shown)}, which is none of the formats of ${dataset.name} (${known}).${cut} Check its header or first record, or that it belongs to this dataset.`,
  };
}
