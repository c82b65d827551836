/** The statements on the catalog file: each reads or writes the rows of one kind. Lists travel as one JSON value. */
import type { TableDefinition } from "@airlake/shared/contracts/tables";
import type { DuckDBConnection } from "@duckdb/node-api";
import { z } from "zod";

import type { Partition } from "../catalog.ts";

const storedTable = z.object({ comment: z.string(), storage: z.string(), bucket: z.string(), prefix: z.string() });
const storedColumn = z.object({
  column_name: z.string(),
  column_type: z.string(),
  comment: z.string(),
  is_partition: z.boolean(),
});
const storedPartition = z.object({
  partition: z.string(),
  bucket: z.string(),
  prefix: z.string(),
  columns: z.string(),
});

export type StoredColumn = z.infer<typeof storedColumn>;
export interface StoredTable extends z.infer<typeof storedTable> {
  readonly columns: readonly StoredColumn[];
}

/** A table as it is stored; undefined where it is not. */
export async function readTable(
  connection: DuckDBConnection,
  table: TableDefinition,
): Promise<StoredTable | undefined> {
  const of = [table.database, table.name];
  const tables = await connection.runAndReadAll(
    "SELECT comment, storage, bucket, prefix FROM tables WHERE database_name = $1 AND table_name = $2",
    of,
  );
  const [row] = tables.getRowObjectsJS();
  if (row === undefined) return undefined;
  const columns = await connection.runAndReadAll(
    `SELECT column_name, column_type, comment, is_partition FROM columns
     WHERE database_name = $1 AND table_name = $2 ORDER BY position`,
    of,
  );
  return { ...storedTable.parse(row), columns: z.array(storedColumn).parse(columns.getRowObjectsJS()) };
}

/** Writes a table with its columns over what is stored of it. */
export async function writeTable(
  connection: DuckDBConnection,
  table: TableDefinition,
  stored: StoredTable,
): Promise<void> {
  const of = [table.database, table.name];
  await connection.run("INSERT OR IGNORE INTO databases VALUES ($1)", [table.database]);
  await connection.run("INSERT OR REPLACE INTO tables VALUES ($1, $2, $3, $4, $5, $6)", [
    ...of,
    stored.comment,
    stored.storage,
    stored.bucket,
    stored.prefix,
  ]);
  const rows = stored.columns.map((column, at) => ({ position: at + 1, ...column }));
  await connection.run(
    `INSERT OR REPLACE INTO columns
     SELECT $1, $2, c.position, c.column_name, c.column_type, c.comment, c.is_partition
     FROM (SELECT unnest(from_json($3::VARCHAR, '[{"position":"INTEGER","column_name":"VARCHAR","column_type":"VARCHAR",
       "comment":"VARCHAR","is_partition":"BOOLEAN"}]')) AS c)`,
    [...of, JSON.stringify(rows)],
  );
  await connection.run("DELETE FROM columns WHERE database_name = $1 AND table_name = $2 AND position > $3", [
    ...of,
    rows.length,
  ]);
}

/** Those of these partitions that are registered, by path, each as `stampOf` gives it. */
export async function readPartitions(
  connection: DuckDBConnection,
  table: TableDefinition,
  partitions: readonly Partition[],
): Promise<ReadonlyMap<string, string>> {
  const reader = await connection.runAndReadAll(
    `SELECT partition, bucket, prefix, columns FROM partitions
     WHERE database_name = $1 AND table_name = $2
       AND partition IN (SELECT unnest(from_json($3::VARCHAR, '["VARCHAR"]')))`,
    [table.database, table.name, JSON.stringify(partitions.map(({ path }) => path))],
  );
  const rows = z.array(storedPartition).parse(reader.getRowObjectsJS());
  return new Map(
    rows.map(({ partition, ...stored }) => [partition, JSON.stringify([stored.bucket, stored.prefix, stored.columns])]),
  );
}

/** What is compared of a partition: where it lies and its columns. */
export function stampOf(partition: Partition, columns: string): string {
  return JSON.stringify([partition.location.bucket, partition.location.prefix, columns]);
}

/** Registers partitions, or writes them over what is registered. */
export async function writePartitions(
  connection: DuckDBConnection,
  table: TableDefinition,
  write: { readonly partitions: readonly Partition[]; readonly columns: string },
): Promise<void> {
  const rows = write.partitions.map(({ path, location }) => ({ partition: path, ...location }));
  await connection.run(
    `INSERT OR REPLACE INTO partitions
     SELECT $1, $2, p.partition, p.bucket, p.prefix, $3
     FROM (SELECT unnest(from_json($4::VARCHAR, '[{"partition":"VARCHAR","bucket":"VARCHAR","prefix":"VARCHAR"}]')) AS p)`,
    [table.database, table.name, write.columns, JSON.stringify(rows)],
  );
}
