/** Clean parts joined and cut into partitions: no row lost, none multiplied. */
import { stat } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { cleanColumns, goldColumns } from "@airlake/shared/contracts/dataset";
import { partitionPath } from "@airlake/shared/contracts/keys";
import type { DuckDb, DuckDbSession } from "@airlake/shared/duckdb";
import type { LoadedDataset } from "@airlake/shared/load-dataset";
import type { Attempt } from "@airlake/shared/stage/types";

import type { References } from "./references.ts";
import { cleanView, copyPartition, flagCounts, goldTable, partitionRanges } from "./sql/join.ts";

export interface JoinJob {
  readonly sourceId: string;
  /** The clean part, in scratch. */
  readonly file: string;
  /** How many rows the cleaner says it has. */
  readonly kept: number;
  readonly attempt: Attempt;
}

export interface Joined {
  readonly parts: readonly {
    readonly file: string;
    readonly partition: string;
    readonly rows: number;
    readonly bytes: number;
  }[];
  /** Rows by flag, the cleaner's and the join's. */
  readonly flags: Readonly<Record<string, number>>;
  readonly rows: number;
}

export interface JoinDeps {
  readonly duckdb: DuckDb;
  readonly references: References;
  readonly dataset: LoadedDataset;
}

/**
 * Runs the dataset's join.sql over the clean parts of several sources at once, and writes one file for each source and partition.
 * Results are in the order of the jobs. Throws where the rows out of a source differ from its rows in.
 */
export async function joinParts(deps: JoinDeps, jobs: readonly JoinJob[]): Promise<readonly Joined[]> {
  const { definition } = deps.dataset;
  const partitions = definition.table.partitions.map(({ name }) => name);
  const columns = goldColumns(definition);
  using session = await deps.duckdb.connect(AbortSignal.any(jobs.map(({ attempt }) => attempt.signal)));
  const files = jobs.map(({ file }) => file);
  await session.run(cleanView(files, cleanColumns(definition)));
  await deps.references.load(definition, session);
  const joinSql = deps.dataset.sql(definition.table.sql);
  await session.run(goldTable({ joinSql, columns, partitions, sort: definition.table.sort }));

  const ranges = rangesSchema.parse(await session.rows(partitionRanges(partitions)));
  const flags = flagsSchema.parse(await session.rows(flagCounts()));
  const joined: Joined[] = [];
  for (const job of jobs) {
    const own = ranges.filter((range) => range.source_id === job.sourceId);
    checkRows(deps, job, own);
    joined.push({
      parts: await writeParts(session, job, { ranges: own, columns: columns.map(({ name }) => name) }),
      flags: Object.fromEntries(
        flags.filter((row) => row.source_id === job.sourceId).map((row) => [row.flag, row.rows]),
      ),
      rows: job.kept,
    });
  }
  return joined;
}

const rangesSchema = z.array(
  z.object({
    source_id: z.string(),
    /** The values of the partition columns, in their order; null where the table has none. */
    partition: z.record(z.string(), z.string()).nullable(),
    first_rowid: z.coerce.number(),
    last_rowid: z.coerce.number(),
    rows: z.coerce.number(),
  }),
);
const flagsSchema = z.array(z.object({ source_id: z.string(), flag: z.string(), rows: z.coerce.number() }));
type Ranges = z.infer<typeof rangesSchema>;

function checkRows({ dataset }: JoinDeps, job: JoinJob, ranges: Ranges): void {
  const rows = ranges.reduce((sum, range) => sum + range.rows, 0);
  if (rows === job.kept) return;
  const { name, table } = dataset.definition;
  throw new Error(
    `the join gives ${rows} rows for ${job.kept} clean ones: ${name}/${table.sql} loses or multiplies rows`,
  );
}

async function writeParts(
  session: DuckDbSession,
  job: JoinJob,
  what: { readonly ranges: Ranges; readonly columns: readonly string[] },
): Promise<Joined["parts"]> {
  const parts: { file: string; partition: string; rows: number; bytes: number }[] = [];
  for (const [index, range] of what.ranges.entries()) {
    const file = join(job.attempt.scratch, `gold-${index}.parquet`);
    await session.run(copyPartition(what.columns, { first: range.first_rowid, last: range.last_rowid }, file));
    parts.push({
      file,
      partition: partitionPath(range.partition ?? {}),
      rows: range.rows,
      bytes: (await stat(file)).size,
    });
  }
  return parts;
}
