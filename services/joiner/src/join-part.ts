/** One clean part joined and cut into partitions: no row lost, none multiplied. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { cleanColumns, goldColumns } from "@airlake/shared/contracts/dataset";
import { partitionPath } from "@airlake/shared/contracts/keys";
import { quoteName } from "@airlake/shared/duckdb";
import type { DuckDb, DuckDbSession } from "@airlake/shared/duckdb";
import type { LoadedDataset } from "@airlake/shared/load-dataset";
import type { Attempt } from "@airlake/shared/stage/types";
import type { References } from "./references.ts";
import { cleanView, copyPartition, flagCounts, goldTable, partitionRanges } from "./sql/join.ts";

export interface JoinJob {
  readonly dataset: LoadedDataset;
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

/** Runs the dataset's join.sql and writes one file for each partition. Throws where rows out differ from rows in. */
export async function joinPart(
  deps: { readonly duckdb: DuckDb; readonly references: References },
  job: JoinJob,
): Promise<Joined> {
  const { definition } = job.dataset;
  const partitions = definition.table.partitions.map(({ name }) => name);
  using session = await deps.duckdb.connect(job.attempt.signal);
  await session.run(cleanView(job.file, cleanColumns(definition)));
  await deps.references.load(definition, session);
  await session.run(
    goldTable({
      joinSql: job.dataset.sql(definition.table.sql),
      columns: goldColumns(definition),
      partitions,
      sort: definition.table.sort,
    }),
  );
  const ranges = (await session.rows(partitionRanges(partitions))).map((row) => rangeOf(row, partitions));
  const rows = ranges.reduce((sum, range) => sum + range.rows, 0);
  if (rows !== job.kept)
    throw new Error(
      `the join gives ${rows} rows for ${job.kept} clean ones: ${definition.name}/${definition.table.sql} loses or multiplies rows`,
    );

  const columns = goldColumns(definition).map(({ name }) => name);
  const parts: { file: string; partition: string; rows: number; bytes: number }[] = [];
  for (const [index, range] of ranges.entries()) {
    const file = join(job.attempt.scratch, `gold-${index}.parquet`);
    await session.run(copyPartition(columns, range, file));
    parts.push({ file, partition: range.partition, rows: range.rows, bytes: (await stat(file)).size });
  }
  return { parts, flags: await countFlags(session), rows };
}

async function countFlags(session: DuckDbSession): Promise<Readonly<Record<string, number>>> {
  const counted = await session.rows(flagCounts());
  return Object.fromEntries(counted.map((row) => [String(valueOf(row, "flag")), Number(valueOf(row, "rows"))]));
}

function rangeOf(
  row: unknown,
  partitions: readonly string[],
): { partition: string; first: number; last: number; rows: number } {
  const values = Object.fromEntries(partitions.map((name) => [name, String(valueOf(row, name))]));
  return {
    partition: partitionPath(values),
    first: Number(valueOf(row, "first_rowid")),
    last: Number(valueOf(row, "last_rowid")),
    rows: Number(valueOf(row, "rows")),
  };
}

function valueOf(row: unknown, column: string): unknown {
  if (typeof row !== "object" || row === null) throw new TypeError("a row is no object");
  const found = Object.entries(row).find(([name]) => name === column);
  if (found === undefined) throw new Error(`no column ${quoteName(column)} in the answer`);
  return found[1];
}
