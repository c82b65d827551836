/** What DuckDB does with a source's normalised records: judge each by the dataset's SQL, and write the two parts. */
import { join } from "node:path";

import type { Counts } from "@airlake/shared/contracts/manifest";
import type { DuckDbSession } from "@airlake/shared/duckdb";
import type { LoadedDataset } from "@airlake/shared/load-dataset";
import { z } from "zod";

import { deliveredOf, quarantineTextOf } from "./read-split.ts";
import type { Split } from "./split-source.ts";
import {
  copyToParquet,
  countFlags,
  countReasons,
  createJudged,
  type Lineage,
  markDuplicates,
  selectClean,
  selectQuarantine,
  selectRejectedNumbers,
  summarise,
} from "./sql/judge.ts";

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

/** Throws an error that names all numbers where the records written are not the records split. */
export async function cleanRecords(
  session: DuckDbSession,
  dataset: LoadedDataset,
  job: CleanRecordsJob,
): Promise<CleanParts> {
  await judge(session, dataset, job);
  const summary = await findDuplicates(session, dataset);
  const { clean, quarantine } = await writeParts(session, dataset, { ...job, summary });
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

/** Leaves the table `judged` behind. */
async function judge(session: DuckDbSession, dataset: LoadedDataset, job: CleanRecordsJob): Promise<void> {
  const { definition } = dataset;
  const rules = definition.rulePacks[String(job.rulePack)];
  if (rules === undefined) throw new Error(`dataset ${definition.name} has no rule pack ${job.rulePack}`);
  await session.run("SET VARIABLE reference_time = $1::TIMESTAMPTZ", [job.referenceTime.toISOString()]);
  if (definition.macros !== undefined) await session.run(dataset.sql(definition.macros));
  const format = dataset.sql(job.split.format.sql);
  await session.run(createJudged({ delivered: deliveredOf(job.split), format, rules: dataset.sql(rules) }));
}

const summaryRow = z.tuple([z.object({ rejected: z.number(), flagged: z.number(), repeated: z.number() })]);
type Summary = z.infer<typeof summaryRow>[0];

async function findDuplicates(session: DuckDbSession, { definition }: LoadedDataset): Promise<Summary> {
  const { duplicates } = definition;
  const [summary] = summaryRow.parse(await session.rows(summarise(duplicates?.key ?? [])));
  if (duplicates && summary.repeated > 0) await session.run(markDuplicates(duplicates.key, duplicates.reason));
  return summary;
}

async function writeParts(
  session: DuckDbSession,
  { definition }: LoadedDataset,
  job: CleanRecordsJob & { readonly summary: Summary },
): Promise<Pick<CleanParts, "clean" | "quarantine">> {
  const { scratch, split, summary } = job;
  const lineage: Lineage = { sourceId: job.sourceId, format: split.format.name };
  const clean = await writePart(session, selectClean(definition, lineage), join(scratch, "clean.parquet"));
  // Of most sources every record is kept: nothing is read a second time then.
  const count = summary.rejected + summary.repeated;
  if (count === 0 && clean?.rows === split.records) return { clean, quarantine: undefined };
  const rejected = async (): Promise<readonly number[]> => readNumbers(session);
  const text = await quarantineTextOf(split, rejected, { count, scratch });
  const quarantined = selectQuarantine(lineage, text);
  return { clean, quarantine: await writePart(session, quarantined, join(scratch, "quarantine.parquet")) };
}

const numberRows = z.array(z.object({ record: z.number() }));

async function readNumbers(session: DuckDbSession): Promise<readonly number[]> {
  return numberRows.parse(await session.rows(selectRejectedNumbers)).map(({ record }) => record);
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
  if (unknown.length > 0) {
    throw new Error(`dataset ${definition.name} does not list what its rules give: ${unknown.join(", ")}`);
  }
}
