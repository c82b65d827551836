/** Quarantined records as people read them. */
import { join } from "node:path";
import type { Manifest } from "@airlake/shared/contracts/manifest";
import { parseJson } from "@airlake/shared/contracts/s3-event";
import { pathOfKey } from "@airlake/shared/embedded/object-paths";

import { typed } from "./hint.ts";
import type { OpenedLake } from "./opened-lake.ts";
import type { Out } from "./out.ts";
import type { QuarantinedRecord } from "./quarantine-parts.ts";
import { displayWidth, shortened } from "./table.ts";
import { counted, grouped, printable } from "./text.ts";

/** Where the records come from. */
export interface Origin {
  readonly manifest: Manifest;
  readonly opened: Pick<OpenedLake, "lake" | "shown">;
  /** Only some were asked for. */
  readonly filtered: boolean;
}

/** Prints the records of one source, each with its reasons and its fields. */
export function printRecords(out: Out, records: readonly QuarantinedRecord[], origin: Origin): void {
  const { manifest, opened, filtered } = origin;
  const all = manifest.counts?.quarantined ?? 0;
  const { bucket, key } = manifest.source;
  const raw = opened.lake === undefined ? `s3://${bucket}/${key}` : join(opened.lake.shown, bucket, pathOfKey(key));
  out.line(
    `${out.style.bold(printable(manifest.source.key))}: ${counted(all, "quarantined record")}, as delivered in ${printable(raw)}`,
  );
  for (const record of records) printRecord(out, record);
  if (records.length === 0 && all > 0) out.line("None of them is the one you asked for.");
  if (!filtered && records.length < all) {
    out.line();
    out.line(
      out.style.dim(
        `${grouped(records.length)} of ${grouped(all)} shown; more with --limit N, all in a file with: ${typed("airlake quarantine export FILE.csv", opened.shown)}`,
      ),
    );
  }
}

function printRecord(out: Out, record: QuarantinedRecord): void {
  const [first = record.reason, ...others] = record.reasons;
  const also = others.length === 0 ? "" : out.style.dim(`, also ${others.join(", ")}`);
  out.line();
  out.line(`record ${grouped(record.record)}: ${out.style.red(first)}${also}`);
  for (const text of fieldsOf(record.original, out.columns)) out.line(`  ${text}`);
}

/** One line a field where the text is an object of fields; else the text. Empty fields are shown: they may be the reason. */
function fieldsOf(original: string, columns: number): readonly string[] {
  const room = columns - 2;
  const json = parseJson(original);
  if (typeof json !== "object" || json === null || Array.isArray(json)) return [shortened(printable(original), room)];
  const fields = Object.entries(json).map(([name, value]) => [printable(name), textOf(value)] as const);
  const width = Math.max(0, ...fields.map(([name]) => displayWidth(name)));
  return fields.map(([name, value]) =>
    `${name}${" ".repeat(width - displayWidth(name))}  ${shortened(printable(value), room - width - 2)}`.trimEnd(),
  );
}

function textOf(value: unknown): string {
  if (value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
