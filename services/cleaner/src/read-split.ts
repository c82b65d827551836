/** How DuckDB reads split sources: all of them to judge them, and once more the records that are quarantined. */
import { join } from "node:path";

import { isWorthPicking, pickRecords } from "./pick-records.ts";
import type { Split } from "./split-source.ts";
import {
  deliveredCsv,
  deliveredElements,
  deliveredLines,
  malformedElements,
  originalFields,
  originalText,
  readElements,
} from "./sql/delivered.ts";
import type { QuarantineText } from "./sql/judge.ts";
import { type LineShape, type PlacedFile, readMalformed, readRecords } from "./sql/read-records.ts";
import { ndjsonSeparator } from "./split-records.ts";
import type { RecordFile } from "./write-records.ts";

type SplitLines = Exclude<Split, { kind: "json" }>;

/** Equal for sources that can be read in one statement; a document is always read alone. */
export function shapeOf(split: Split): string {
  switch (split.kind) {
    case "csv":
      return JSON.stringify([split.format.name, split.delimiter, ...split.header]);
    case "ndjson":
      return split.format.name;
    case "json":
      return split.path;
  }
}

/** The relation `delivered` that the format's SQL reads, of sources of one shape; a source's place is its index. */
export function deliveredOf(first: Split, others: readonly Split[]): string {
  if (first.kind === "json") return deliveredElements(readElements(first.path, first.format.records));
  const splits = [first, ...others].filter((split) => split.kind !== "json");
  const placed = (fileOf: (split: SplitLines) => RecordFile): readonly PlacedFile[] =>
    splits.map((split, place) => ({ file: fileOf(split), place }));
  const irregular = placed(({ files }) => files.irregular).filter(({ file }) => file.records > 0);
  const records = readRecords(
    placed(({ files }) => files.regular),
    irregular,
    lineShapeOf(first),
  );
  if (first.kind === "ndjson") return deliveredLines(records);
  const { format, header } = first;
  const known = [...new Set([...format.columns, ...format.optional, ...(format.headerless?.columns ?? [])])];
  return deliveredCsv(records, { header, known });
}

/** What the quarantine part of one source is made from. `rejected` gives the numbers of its records, ascending. */
export async function quarantineTextOf(
  split: Split,
  rejected: () => Promise<readonly number[]>,
  job: { readonly count: number; readonly scratch: string },
): Promise<QuarantineText> {
  if (split.kind === "json") {
    const elements = readElements(split.path, split.format.records);
    return { records: elements, original: originalText, malformed: malformedElements(elements) };
  }
  const { irregular, malformed, regular } = split.files;
  const picked = isWorthPicking(regular, job.count)
    ? await pickRecords(regular, await rejected(), join(job.scratch, "picked.csv"))
    : regular;
  const apart = irregular.records > 0 ? [{ file: irregular, place: 0 }] : [];
  return {
    records: readRecords([{ file: picked, place: 0 }], apart, lineShapeOf(split)),
    original: split.kind === "csv" ? originalFields(split.header) : originalText,
    malformed: malformed.records > 0 ? readMalformed(malformed) : undefined,
  };
}

function lineShapeOf(split: SplitLines): LineShape {
  return split.kind === "csv"
    ? { delimiter: split.delimiter, isQuoted: true, columns: split.header.length }
    : { delimiter: ndjsonSeparator, isQuoted: false, columns: 1 };
}
