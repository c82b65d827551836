/** What DuckDB does with a source's normalised records: judge each by the dataset's SQL, and write the two parts. */
import { join } from "node:path";

import { z } from "zod";

import type { Counts } from "@airlake/shared/contracts/manifest";
import { type DuckDbSession, quoteName } from "@airlake/shared/duckdb";
import type { LoadedDataset } from "@airlake/shared/load-dataset";

import type { Split } from "./split-source.ts";
import { deliveredCsv, deliveredElements, deliveredLines, malformedElements, originalCsv } from "./sql/delivered.ts";
import {
  copyToParquet,
  countFlags,
  countReasons,
  createDuplicates,
  createJudged,
  type Lineage,
  noDuplicates,
  selectClean,
  selectQuarantine,
  selectRejected,
  summarise,
} from "./sql/judge.ts";
import { type LineShape, readMalformed, readRecords } from "./sql/read-records.ts";
import { ndjsonSeparator } from "./split-records.ts";

/** A Parquet file in scratch. */
export interface PartFile {
  readonly file: string;
  readonly rows: number;
  readonly bytes: number;
}

export interface CleanRecordsJob {
  readonly split: Split;
  readonly sourceId: string;
  readonly rulePack: number;
  readonly referenceTime: Date;
  readonly scratch: string;
}

export interface CleanParts {
  readonly counts: Counts;
  /** Undefined where there are no rows. */
  readonly clean: PartFile | undefined;
  readonly quarantine: PartFile | undefined;
}

/** How one kind of source is read. */
interface Reading {
  readonly delivered: string;
  /** Yields source_record and original. */
  readonly originals: string;
  /** Yields n and c0. */
  readonly malformed: string;
}

/** Throws an error that names all numbers where the records written are not the records split. */
export async function cleanRecords(
  session: DuckDbSession,
  dataset: LoadedDataset,
  job: CleanRecordsJob,
): Promise<CleanParts> {
  const reading = readingOf(job.split);
  await judge(session, dataset, { ...job, delivered: reading.delivered });
  const summary = await summariseJudged(session, dataset);
  const { clean, quarantine } = await writeParts(session, dataset, { ...job, reading, summary });
  const counts: Counts = {
    read: job.split.records,
    kept: clean?.rows ?? 0,
    quarantined: quarantine?.rows ?? 0,
    reasons: quarantine ? await countNames(session, countReasons(quarantine.file)) : {},
    flags: clean && summary.flagged > 0 ? await countNames(session, countFlags(clean.file)) : {},
  };
  closeBooks(counts, dataset);
  return { counts, clean, quarantine };
}

const summaryRow = z.tuple([z.object({ rejected: z.number(), flagged: z.number(), repeated: z.number() })]);
type Summary = z.infer<typeof summaryRow>[0];

async function judge(
  session: DuckDbSession,
  dataset: LoadedDataset,
  job: CleanRecordsJob & { readonly delivered: string },
): Promise<void> {
  const { definition } = dataset;
  const rules = definition.rulePacks[String(job.rulePack)];
  if (rules === undefined) throw new Error(`dataset ${definition.name} has no rule pack ${job.rulePack}`);
  await session.run("SET VARIABLE reference_time = $1::TIMESTAMPTZ", [job.referenceTime.toISOString()]);
  if (definition.macros !== undefined) await session.run(dataset.sql(definition.macros));
  const sql = { delivered: job.delivered, format: dataset.sql(job.split.format.sql), rules: dataset.sql(rules) };
  await session.run(createJudged(sql));
}

/** Leaves the table of duplicates behind, most often empty. */
async function summariseJudged(session: DuckDbSession, { definition }: LoadedDataset): Promise<Summary> {
  const key = definition.duplicates?.key ?? [];
  const [summary] = summaryRow.parse(await session.rows(summarise(key)));
  await session.run(summary.repeated > 0 ? createDuplicates(key) : noDuplicates);
  return summary;
}

interface PartsJob extends CleanRecordsJob {
  readonly reading: Reading;
  readonly summary: Summary;
}

async function writeParts(
  session: DuckDbSession,
  { definition }: LoadedDataset,
  job: PartsJob,
): Promise<Pick<CleanParts, "clean" | "quarantine">> {
  const { reading, split, summary } = job;
  const lineage: Lineage = { sourceId: job.sourceId, format: split.format.name };
  const clean = await writePart(session, selectClean(definition, lineage), join(job.scratch, "clean.parquet"));
  // Of most sources every record is kept: nothing is read a second time then.
  const isAllKept = summary.rejected === 0 && summary.repeated === 0 && clean?.rows === split.records;
  if (isAllKept) return { clean, quarantine: undefined };
  const rejected = selectRejected(definition.duplicates?.reason ?? "");
  const quarantined = selectQuarantine(lineage, { ...reading, rejected });
  return { clean, quarantine: await writePart(session, quarantined, join(job.scratch, "quarantine.parquet")) };
}

function readingOf(split: Split): Reading {
  if (split.kind === "json") {
    return {
      delivered: deliveredElements(split.path, split.format.records),
      originals: `SELECT source_record, doc::VARCHAR AS original FROM (${deliveredElements(split.path, split.format.records)})`,
      malformed: malformedElements(split.path, split.format.records),
    };
  }
  const malformed = readMalformed(split.files.malformed);
  if (split.kind === "ndjson") {
    const records = readRecords(split.files, { delimiter: ndjsonSeparator, isQuoted: false, columns: 1 });
    const delivered = deliveredLines(records);
    return { delivered, originals: `SELECT source_record, line AS original FROM (${delivered})`, malformed };
  }
  const { format, header } = split;
  const shape: LineShape = { delimiter: split.delimiter, isQuoted: true, columns: header.length };
  const records = readRecords(split.files, shape);
  const known = [...new Set([...format.columns, ...format.optional, ...(format.headerless?.columns ?? [])])];
  const originals = `SELECT ${quoteName("n")} AS source_record, ${originalCsv(header)} AS original FROM (${records})`;
  return { delivered: deliveredCsv(records, { header, known }), originals, malformed };
}

const copyStats = z.tuple([z.object({ count: z.coerce.number(), file_size_bytes: z.coerce.number() })]);

async function writePart(session: DuckDbSession, select: string, file: string): Promise<PartFile | undefined> {
  const [stats] = copyStats.parse(await session.rows(copyToParquet(select, file)));
  return stats.count === 0 ? undefined : { file, rows: stats.count, bytes: stats.file_size_bytes };
}

const namedCounts = z.array(z.object({ name: z.string(), count: z.number() }));

async function countNames(session: DuckDbSession, sql: string): Promise<Record<string, number>> {
  const rows = namedCounts.parse(await session.rows(sql));
  return Object.fromEntries(rows.map(({ name, count }) => [name, count]));
}

/** read is the splitter's count, the others are DuckDB's of what it wrote. */
function closeBooks(counts: Counts, { definition }: LoadedDataset): void {
  const { read, kept, quarantined, reasons } = counts;
  if (kept + quarantined !== read) {
    throw new Error(`the books do not close: ${read} records read, but ${kept} kept and ${quarantined} quarantined`);
  }
  const unknown = [
    ...Object.keys(reasons).filter((name) => !definition.reasons.includes(name)),
    ...Object.keys(counts.flags).filter((name) => !definition.flags.some((flag) => flag.name === name)),
  ];
  if (unknown.length > 0)
    throw new Error(`dataset ${definition.name} does not list what its rules give: ${unknown.join(", ")}`);
}
