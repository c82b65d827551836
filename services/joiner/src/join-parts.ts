/** Clean parts joined and cut into partitions: no row lost, none multiplied. */
import { z } from "zod";

import { cleanColumns, goldColumns } from "@airlake/shared/contracts/dataset";
import type { DuckDb } from "@airlake/shared/duckdb";
import type { LoadedDataset } from "@airlake/shared/load-dataset";
import type { Attempt } from "@airlake/shared/stage/types";

import type { References } from "./references.ts";
import { cleanView, dropGold, flagCounts, goldTable, partitionRanges } from "./sql/join.ts";
import { type GoldFile, type Range, rangeSchema, writeParts } from "./write-parts.ts";

export interface JoinJob {
  readonly sourceId: string;
  /** The clean part, in scratch. */
  readonly file: string;
  /** How many rows the cleaner says it has. */
  readonly kept: number;
  readonly attempt: Attempt;
}

export interface Joined {
  readonly parts: readonly GoldFile[];
  /** How many its rows lie in. Where that is more than it may be, none of its parts is written. */
  readonly partitions: number;
  /** Rows by flag, the cleaner's and the join's. */
  readonly flags: Readonly<Record<string, number>>;
  readonly rows: number;
}

export interface JoinDeps {
  readonly duckdb: DuckDb;
  readonly references: References;
  readonly dataset: LoadedDataset;
  readonly mostPartitions: number;
}

/**
 * Runs the dataset's join.sql over the clean parts of several sources at once, and writes one file for each source and partition.
 * Results are in the order of the jobs. Throws where the rows out of a source differ from its rows in.
 */
export async function joinParts(deps: JoinDeps, jobs: readonly JoinJob[]): Promise<readonly Joined[]> {
  const [first] = jobs;
  if (first === undefined) return [];
  const table = `gold ${first.sourceId} ${first.attempt.id}`;
  try {
    return await joinInto(table, deps, jobs);
  } finally {
    // With a session of its own: that of an attempt that was given up runs nothing more.
    using session = await deps.duckdb.connect(new AbortController().signal);
    await session.run(dropGold(table));
  }
}

const rangesSchema = z.array(rangeSchema);
const flagsSchema = z.array(z.object({ source_id: z.string(), flag: z.string(), rows: z.coerce.number() }));

/** Leaves the table behind. */
async function joinInto(table: string, deps: JoinDeps, jobs: readonly JoinJob[]): Promise<readonly Joined[]> {
  const { definition } = deps.dataset;
  const partitions = definition.table.partitions.map(({ name }) => name);
  const columns = goldColumns(definition);
  const signal = AbortSignal.any(jobs.map(({ attempt }) => attempt.signal));
  using session = await deps.duckdb.connect(signal);
  const files = jobs.map(({ file }) => file);
  await session.run(cleanView(files, cleanColumns(definition)));
  await deps.references.load(definition, session);
  const joinSql = deps.dataset.sql(definition.table.sql);
  const { sort } = definition.table;
  await session.run(goldTable({ table, joinSql, columns, partitions, sort, sources: jobs.length }));

  const ranges = rangesSchema.parse(await session.rows(partitionRanges(table, partitions)));
  const flags = flagsSchema.parse(await session.rows(flagCounts(table)));
  for (const job of jobs) checkRows(deps, job, ranges);
  const folders = new Map(jobs.map(({ sourceId, attempt }) => [sourceId, attempt.scratch]));
  const counts = Map.groupBy(ranges, (range) => range.source_id);
  const partitionsOf = (sourceId: string): number => counts.get(sourceId)?.length ?? 0;
  const parts = await writeParts(deps.duckdb, {
    gold: { table, columns: columns.map(({ name }) => name) },
    ranges: ranges.filter((range) => partitionsOf(range.source_id) <= deps.mostPartitions),
    folders,
    signal,
  });
  return jobs.map(({ sourceId, kept }) => ({
    parts: parts.filter((part) => part.sourceId === sourceId),
    partitions: partitionsOf(sourceId),
    flags: Object.fromEntries(flags.filter((row) => row.source_id === sourceId).map((row) => [row.flag, row.rows])),
    rows: kept,
  }));
}

function checkRows({ dataset }: JoinDeps, job: JoinJob, ranges: readonly Range[]): void {
  const own = ranges.filter((range) => range.source_id === job.sourceId);
  const rows = own.reduce((sum, range) => sum + range.rows, 0);
  if (rows === job.kept) return;
  const { name, table } = dataset.definition;
  throw new Error(
    `the join gives ${rows} rows for ${job.kept} clean ones: ${name}/${table.sql} loses or multiplies rows`,
  );
}
