/** What DuckDB does with normalised records: judge each by the dataset's SQL, and write the parts of each source. */
import { stat } from "node:fs/promises";
import { join } from "node:path";

import type { Counts } from "@airlake/shared/contracts/manifest";
import type { DuckDbSession } from "@airlake/shared/duckdb";
import type { LoadedDataset } from "@airlake/shared/load-dataset";
import { z } from "zod";

import { deliveredOf, quarantineTextOf, shapeOf } from "./read-split.ts";
import type { Split } from "./split-source.ts";
import {
  copyToParquet,
  countFlags,
  countReasons,
  createJudged,
  dropJudged,
  type JudgedSource,
  malformedReason,
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

/** One split source. */
export interface CleanRecordsJob {
  readonly split: Split;
  readonly sourceId: string;
  readonly rulePack: number;
  readonly referenceTime: Date;
  readonly scratch: string;
  /** Whether the judgement is to lie in a file of `scratch`, and not in memory. Such a job is done alone. */
  readonly isFiled: boolean;
}

export interface CleanParts {
  readonly counts: Counts;
  /** Undefined where there are no rows. */
  readonly clean: PartFile | undefined;
  readonly quarantine: PartFile | undefined;
}

/**
 * Cleans several sources, in the order of the jobs; those of one shape and rule pack in one go. Throws an error that names all
 * numbers where the records written of a source are not the records split.
 */
export async function cleanRecords(
  session: DuckDbSession,
  dataset: LoadedDataset,
  jobs: readonly CleanRecordsJob[],
): Promise<readonly CleanParts[]> {
  const { macros } = dataset.definition;
  if (macros !== undefined) await session.run(dataset.sql(macros));
  const parts = new Map<CleanRecordsJob, CleanParts>();
  for (const alike of Map.groupBy(jobs, (job) => `${job.rulePack} ${shapeOf(job.split)}`).values()) {
    const verdicts = await judge(session, dataset, alike);
    for (const [place, job] of alike.entries()) {
      parts.set(job, await writeParts(session, dataset, { ...job, ...verdictOf(verdicts, place), place }));
    }
  }
  // Closing the session would free it too, but in the process's main thread: a second and a half after the largest sources.
  if (!jobs.some(({ isFiled }) => isFiled)) await session.run(dropJudged);
  return jobs.flatMap((job) => parts.get(job) ?? []);
}

const summaryRows = z.array(
  z.object({
    place: z.number(),
    kept: z.number(),
    rejected: z.number(),
    flagged: z.number(),
    repeated: z.number(),
  }),
);
const nameRows = z.array(z.object({ place: z.number(), name: z.string(), count: z.number() }));

/** What the table `judged` says of all its sources. */
interface Verdicts {
  readonly summaries: z.infer<typeof summaryRows>;
  readonly reasons: z.infer<typeof nameRows>;
  readonly flags: z.infer<typeof nameRows>;
}

/** What it says of one. Without the malformed records, which it does not hold. */
interface Verdict {
  readonly reasons: Readonly<Record<string, number>>;
  readonly flags: Readonly<Record<string, number>>;
  readonly kept: number;
}

/** Leaves the table `judged` behind. */
async function judge(
  session: DuckDbSession,
  dataset: LoadedDataset,
  jobs: readonly CleanRecordsJob[],
): Promise<Verdicts> {
  const { definition } = dataset;
  const [first, ...others] = jobs;
  if (first === undefined) return { summaries: [], reasons: [], flags: [] };
  const rules = definition.rulePacks[String(first.rulePack)];
  if (rules === undefined) throw new Error(`dataset ${definition.name} has no rule pack ${first.rulePack}`);
  const sql = {
    delivered: deliveredOf(
      first.split,
      others.map(({ split }) => split),
    ),
    format: dataset.sql(first.split.format.sql),
    rules: dataset.sql(rules),
    referenceTimes: jobs.map(({ referenceTime }) => referenceTime),
  };
  const filed = first.isFiled ? join(first.scratch, "judged.parquet") : undefined;
  await runAll(session, createJudged(sql, filed));

  const { duplicates } = definition;
  const sources = jobs.length;
  const summaries = summaryRows.parse(await session.rows(summarise(duplicates?.key ?? [], sources)));
  const hasSome = (count: "rejected" | "flagged" | "repeated"): boolean => summaries.some((row) => row[count] > 0);
  if (duplicates && hasSome("repeated")) await runAll(session, markDuplicates(duplicates, sources, filed));
  // Most sources have neither: then nothing is asked.
  const isRejecting = hasSome("rejected") || hasSome("repeated");
  const reasons = isRejecting ? nameRows.parse(await session.rows(countReasons(sources))) : [];
  const flags = hasSome("flagged") ? nameRows.parse(await session.rows(countFlags(sources))) : [];
  return { summaries, reasons, flags };
}

async function runAll(session: DuckDbSession, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await session.run(statement);
}

function verdictOf({ flags, reasons, summaries }: Verdicts, place: number): Verdict {
  const countsOf = (rows: z.infer<typeof nameRows>): Record<string, number> =>
    Object.fromEntries(rows.filter((row) => row.place === place).map(({ name, count }) => [name, count]));
  const summary = summaries.find((row) => row.place === place);
  const own = countsOf(reasons);
  const duplicates = sumOf(own) - (summary?.rejected ?? 0);
  return { reasons: own, flags: countsOf(flags), kept: (summary?.kept ?? 0) - duplicates };
}

interface PartsJob extends CleanRecordsJob, Verdict {
  readonly place: number;
}

async function writeParts(session: DuckDbSession, dataset: LoadedDataset, job: PartsJob): Promise<CleanParts> {
  const { scratch, split } = job;
  const source: JudgedSource = { place: job.place, sourceId: job.sourceId, format: split.format.name };
  const clean =
    job.kept > 0
      ? await writePart(session, selectClean(dataset.definition, source), join(scratch, "clean.parquet"))
      : undefined;
  // Of most sources every record is kept: nothing is read a second time then.
  const rejected = sumOf(job.reasons);
  const isAllKept = rejected === 0 && clean?.rows === split.records;
  const quarantine = isAllKept ? undefined : await writeQuarantine(session, source, { ...job, count: rejected });
  const malformed = (quarantine?.rows ?? 0) - rejected;
  const counts: Counts = {
    read: split.records,
    kept: clean?.rows ?? 0,
    quarantined: quarantine?.rows ?? 0,
    reasons: { ...job.reasons, ...(malformed === 0 ? {} : { [malformedReason]: malformed }) },
    flags: { ...job.flags },
  };
  closeBooks(counts, dataset);
  return { counts, clean, quarantine };
}

async function writeQuarantine(
  session: DuckDbSession,
  source: JudgedSource,
  job: PartsJob & { readonly count: number },
): Promise<PartFile | undefined> {
  const rejected = async (): Promise<readonly number[]> =>
    numberRows.parse(await session.rows(selectRejectedNumbers(source))).map(({ record }) => record);
  const text = await quarantineTextOf(job.split, rejected, job);
  return writePart(session, selectQuarantine(source, text), join(job.scratch, "quarantine.parquet"));
}

const numberRows = z.array(z.object({ record: z.number() }));
const copyResult = z.tuple([z.object({ Count: z.coerce.number() })]);

async function writePart(session: DuckDbSession, select: string, file: string): Promise<PartFile | undefined> {
  const [{ Count: rows }] = copyResult.parse(await session.rows(copyToParquet(select, file)));
  return rows === 0 ? undefined : { file, rows, bytes: (await stat(file)).size };
}

/** `read` is the splitter's count, `kept` and `quarantined` are DuckDB's of what it wrote, the reasons' of what it judged. */
function closeBooks(counts: Counts, { definition }: LoadedDataset): void {
  const { flags, kept, quarantined, read, reasons } = counts;
  if (kept + quarantined !== read || (reasons[malformedReason] ?? 0) < 0) {
    throw new Error(
      `the books do not close: ${read} records read, but ${kept} kept and ${quarantined} quarantined, for ${JSON.stringify(reasons)}`,
    );
  }
  const unknown = [
    ...Object.keys(reasons).filter((name) => !definition.reasons.includes(name)),
    ...Object.keys(flags).filter((name) => !definition.flags.some((flag) => flag.name === name)),
  ];
  if (unknown.length > 0) {
    throw new Error(`dataset ${definition.name} does not list what its rules give: ${unknown.join(", ")}`);
  }
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
