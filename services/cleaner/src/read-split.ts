/** How DuckDB reads a split source: all of it to judge it, and once more the records that are quarantined. */
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
import { readMalformed, readRecords } from "./sql/read-records.ts";
import { ndjsonSeparator } from "./split-records.ts";
import type { RecordFiles } from "./write-records.ts";

/** The relation `delivered` that the format's SQL reads. */
export function deliveredOf(split: Split): string {
  switch (split.kind) {
    case "csv": {
      const { format, header } = split;
      const known = [...new Set([...format.columns, ...format.optional, ...(format.headerless?.columns ?? [])])];
      return deliveredCsv(recordsOf(split, split.files), { header, known });
    }
    case "ndjson":
      return deliveredLines(recordsOf(split, split.files));
    case "json":
      return deliveredElements(readElements(split.path, split.format.records));
  }
}

/** What the quarantine part is made from: `rejected` are the numbers of the records, ascending. */
export async function quarantineTextOf(
  split: Split,
  rejected: () => Promise<readonly number[]>,
  job: { readonly count: number; readonly scratch: string },
): Promise<QuarantineText> {
  if (split.kind === "json") {
    const elements = readElements(split.path, split.format.records);
    return { records: elements, original: originalText, malformed: malformedElements(elements) };
  }
  const { regular, malformed } = split.files;
  const picked = isWorthPicking(regular, job.count)
    ? await pickRecords(regular, await rejected(), join(job.scratch, "picked.csv"))
    : regular;
  return {
    records: recordsOf(split, { ...split.files, regular: picked }),
    original: split.kind === "csv" ? originalFields(split.header) : originalText,
    malformed: malformed.records > 0 ? readMalformed(malformed) : undefined,
  };
}

function recordsOf(split: Exclude<Split, { kind: "json" }>, files: RecordFiles): string {
  return split.kind === "csv"
    ? readRecords(files, { delimiter: split.delimiter, isQuoted: true, columns: split.header.length })
    : readRecords(files, { delimiter: ndjsonSeparator, isQuoted: false, columns: 1 });
}
