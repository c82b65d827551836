/** The embedded lake's catalog: a DuckDB file, opened only for the moment in which something new is written. */
import { stat } from "node:fs/promises";

import { createBatches } from "@airlake/shared/batches";
import type { Clock } from "@airlake/shared/clock";
import type { TableColumn, TableDefinition } from "@airlake/shared/contracts/tables";
import { changeCatalogFile, hasCatalogFile } from "@airlake/shared/embedded/catalog-file";
import { TransientError, codeOf } from "@airlake/shared/errors";
import type { DuckDBConnection } from "@duckdb/node-api";

import {
  type Catalog,
  type Known,
  type Partition,
  checkSamePartitionColumns,
  createKnown,
  partitionsOf,
} from "./catalog.ts";
import {
  type StoredColumn,
  type StoredTable,
  readPartitions,
  readTable,
  stampOf,
  writePartitions,
  writeTable,
} from "./sql/catalog-rows.ts";

interface Deps {
  /** The file; its folder exists. */
  readonly file: string;
  readonly clock: Clock;
}

/** Some 10 MB of memory. Whoever drops a partition of the file says so, so nothing is asked again for its age. */
const knownLimits = { most: 50_000, lifeMs: Infinity };

/** A file beside the catalog that is written anew after partitions were dropped: then whoever remembers them is wrong. */
export function droppedMarkerOf(file: string): string {
  return `${file}.dropped`;
}

/** Opening and closing the file costs more than a row in it: what comes for it meanwhile is written in one go. */
const additionsAtOnce = 100;

interface Addition {
  readonly table: TableDefinition;
  readonly partitions: readonly Partition[];
  readonly signal: AbortSignal | undefined;
}

/** Opens nothing yet: the file is made by the first call that has something to write. */
export function createDuckDbCatalog(deps: Deps): Catalog {
  const known = createKnown(knownLimits, () => deps.clock.monotonicMs());
  const forget = createForgetting(deps.file, known);
  const additions = createBatches(additionsAtOnce, async (batch: readonly Addition[]) => addAll(deps, batch));
  return {
    async ensureTables(tables, signal) {
      await forget();
      const unknown = tables.filter((table) => !known.has(table));
      if (unknown.length === 0) return { created: 0, updated: 0 };
      const counts = await changeCatalogFile(deps, async (connection) => alignTables(connection, unknown), signal);
      for (const table of unknown) known.add(table);
      return counts;
    },

    async ensurePartitions(table, paths, signal) {
      if (table.partitions.length === 0) return { added: 0, known: 0 };
      await forget();
      const partitions = partitionsOf(table, paths);
      const unknown = partitions.filter(({ path }) => !known.has(table, path));
      if (unknown.length === 0) return { added: 0, known: partitions.length };
      const added = await additions.add({ table, partitions: unknown, signal });
      if (added === "no-table") {
        known.clear();
        throw new TransientError(`table ${table.database}.${table.name} is not in the catalog`);
      }
      for (const { path } of unknown) known.add(table, path);
      return { added, known: partitions.length - added };
    },
  };
}

/** Somebody removed the file, or dropped partitions: what was known of it may not be so any more. */
function createForgetting(file: string, known: Known): () => Promise<void> {
  let before = "";
  return async () => {
    const dropped = await writtenAt(droppedMarkerOf(file));
    if (dropped !== before || !(await hasCatalogFile(file))) known.clear();
    before = dropped;
  };
}

/** "" for a file that is not there. */
async function writtenAt(file: string): Promise<string> {
  try {
    return String((await stat(file, { bigint: true })).mtimeNs);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return "";
    throw error;
  }
}

async function alignTables(
  connection: DuckDBConnection,
  tables: readonly TableDefinition[],
): Promise<{ readonly created: number; readonly updated: number }> {
  let created = 0;
  let updated = 0;
  for (const table of tables) {
    const found = await readTable(connection, table);
    const wanted = storedOf(table);
    if (found !== undefined) {
      const names = found.columns.filter((column) => column.is_partition).map((column) => column.column_name);
      checkSamePartitionColumns(table, names);
      if (JSON.stringify(found) === JSON.stringify(wanted)) continue;
    }
    await writeTable(connection, table, wanted);
    if (found === undefined) created += 1;
    else updated += 1;
  }
  return { created, updated };
}

async function addAll(deps: Deps, batch: readonly Addition[]): Promise<readonly (number | "no-table")[]> {
  const signals = batch.flatMap(({ signal }) => signal ?? []);
  return changeCatalogFile(
    deps,
    async (connection) => {
      const added: (number | "no-table")[] = [];
      for (const { table, partitions } of batch) added.push(await alignPartitions(connection, table, partitions));
      return added;
    },
    AbortSignal.any(signals),
  );
}

async function alignPartitions(
  connection: DuckDBConnection,
  table: TableDefinition,
  partitions: readonly Partition[],
): Promise<number | "no-table"> {
  if ((await readTable(connection, table)) === undefined) return "no-table";
  const columns = columnsText(table);
  const found = await readPartitions(connection, table, partitions);
  const differing = partitions.filter((partition) => found.get(partition.path) !== stampOf(partition, columns));
  if (differing.length > 0) await writePartitions(connection, table, { partitions: differing, columns });
  return partitions.length - found.size;
}

function storedOf(table: TableDefinition): StoredTable {
  return {
    comment: table.comment,
    storage: table.storage,
    bucket: table.location.bucket,
    prefix: table.location.prefix,
    columns: [
      ...table.columns.map((column) => storedColumnOf(column, false)),
      ...table.partitions.map((column) => storedColumnOf(column, true)),
    ],
  };
}

function storedColumnOf(column: TableColumn, isPartition: boolean): StoredColumn {
  return {
    column_name: column.name,
    column_type: typeText(column),
    comment: column.comment,
    is_partition: isPartition,
  };
}

/** The columns that a partition's parts have, as text to compare. */
function columnsText(table: TableDefinition): string {
  return table.columns.map((column) => `${column.name} ${typeText(column)}`).join(", ");
}

function typeText(column: TableColumn): string {
  return typeof column.type === "string" ? column.type : JSON.stringify(column.type);
}
