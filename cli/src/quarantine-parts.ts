/** Reads quarantined records: the parts that manifests name, brought to a scratch folder and asked in SQL. */
import { createWriteStream } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import type { Manifest } from "@airlake/shared/contracts/manifest";
import { type DuckDbSession, openDuckDb, quoteText } from "@airlake/shared/duckdb";

import { CommandError } from "./command-error.ts";
import type { OpenedLake } from "./opened-lake.ts";
import { discard, privateFolder } from "./lake.ts";

/** Quarantined records, open for questions. */
export interface QuarantineParts extends AsyncDisposable {
  /** A folder that may be written, gone afterwards. */
  readonly scratch: string;
  /** Has the view `records`: key, record, format, reason, reasons, original. */
  readonly session: DuckDbSession;
}

/** One quarantined record. */
export interface QuarantinedRecord {
  readonly key: string;
  /** Its number in the source, from 1. */
  readonly record: number;
  readonly format: string;
  readonly reason: string;
  readonly reasons: readonly string[];
  /** As delivered: a JSON object of its text fields, or its raw text. */
  readonly original: string;
}

/** Opens the quarantined records of these sources. Throws CommandError where a part has just been replaced. */
export async function openQuarantine(opened: OpenedLake, manifests: readonly Manifest[]): Promise<QuarantineParts> {
  await using closing = new AsyncDisposableStack();
  const folder = opened.lake === undefined ? tmpdir() : await privateFolder(opened.lake, "scratch");
  const scratch = closing.adopt(await mkdtemp(join(folder, "quarantine-")), discard);
  const duckdb = closing.use(await openDuckDb({ threads: 2, memoryLimitMb: 512, scratch }));
  const session = closing.use(await duckdb.connect(new AbortController().signal));
  await session.run("CREATE TABLE names (source_id VARCHAR, key VARCHAR)");
  const files: string[] = [];
  for (const manifest of manifests) {
    for (const part of manifest.outputs.filter(({ role }) => role === "quarantine")) {
      const file = join(scratch, `${files.length}.parquet`);
      await download(opened, part.key, file);
      files.push(file);
    }
    await session.run("INSERT INTO names VALUES ($1, $2)", [manifest.sourceId, manifest.source.key]);
  }
  await session.run(viewOf(files));
  const held = closing.move();
  return { scratch, session, [Symbol.asyncDispose]: async () => held.disposeAsync() };
}

function viewOf(files: readonly string[]): string {
  const columns = "names.key, source_record AS record, format, reason, reasons, original";
  if (files.length === 0) {
    return `CREATE VIEW records AS SELECT NULL::VARCHAR AS key, NULL::BIGINT AS record, NULL::VARCHAR AS format,
      NULL::VARCHAR AS reason, NULL::VARCHAR[] AS reasons, NULL::VARCHAR AS original WHERE false`;
  }
  return `CREATE VIEW records AS SELECT ${columns} FROM read_parquet([${files.map(quoteText).join(", ")}]) JOIN names USING (source_id)`;
}

async function download(opened: OpenedLake, key: string, file: string): Promise<void> {
  try {
    const got = await opened.s3.send(new GetObjectCommand({ Bucket: opened.topology.buckets.silver, Key: key }));
    if (!(got.Body instanceof Readable)) throw new TypeError(`no stream in the answer for ${key}`);
    await pipeline(got.Body, createWriteStream(file));
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "NoSuchKey") throw error;
    throw new CommandError("A source has changed while it was read.", "Give the same command again.", { cause: error });
  }
}

/** Records in the order of sources and of their numbers in them. */
export async function readRecords(
  parts: QuarantineParts,
  wanted: { readonly record?: number | undefined; readonly reason?: string | undefined; readonly limit: number },
): Promise<readonly QuarantinedRecord[]> {
  const rows = await parts.session.rows(
    `SELECT key, record, format, reason, reasons, original FROM records
     WHERE ($1::BIGINT IS NULL OR record = $1) AND ($2::VARCHAR IS NULL OR list_contains(reasons, $2))
     ORDER BY key, record LIMIT ${Math.trunc(wanted.limit)}`,
    [wanted.record === undefined ? null : BigInt(wanted.record), wanted.reason ?? null],
  );
  return rows.map(recordOf);
}

function recordOf(row: unknown): QuarantinedRecord {
  const cells: Readonly<Record<string, unknown>> = typeof row === "object" && row !== null ? { ...row } : {};
  const textOf = (column: string): string => {
    const cell = cells[column];
    return typeof cell === "string" ? cell : "";
  };
  const { reasons } = cells;
  return {
    key: textOf("key"),
    record: Number(cells["record"]),
    format: textOf("format"),
    reason: textOf("reason"),
    reasons: Array.isArray(reasons) ? reasons.map(String) : [],
    original: textOf("original"),
  };
}

/** Writes all records to a file in the scratch folder; gives its path. */
export async function copyRecords(parts: QuarantineParts, format: "csv" | "parquet"): Promise<string> {
  const file = join(parts.scratch, `records.${format}`);
  // A list has no form of its own in CSV.
  const reasons = format === "csv" ? "array_to_string(reasons, ';') AS reasons" : "reasons";
  const how = format === "csv" ? "FORMAT csv, HEADER" : "FORMAT parquet, COMPRESSION zstd";
  await parts.session.run(
    `COPY (SELECT key, record, format, reason, ${reasons}, original FROM records ORDER BY key, record) TO ${quoteText(file)} (${how})`,
  );
  return file;
}
