/** The catalog on AWS Glue, where Athena, Trino and Spark find it. */
import {
  AlreadyExistsException,
  ConcurrentModificationException,
  CreateDatabaseCommand,
  CreateTableCommand,
  EntityNotFoundException,
  GetDatabaseCommand,
  GetTableCommand,
  type GlueClient,
  type Table,
  UpdateTableCommand,
} from "@aws-sdk/client-glue";
import type { Clock } from "@airlake/shared/clock";
import type { TableDefinition } from "@airlake/shared/contracts/tables";
import { TransientError } from "@airlake/shared/errors";
import type { Logger } from "@airlake/shared/logger";

import { type Catalog, type Known, checkSamePartitionColumns, createKnown, partitionsOf } from "./catalog.ts";
import { type GlueCall, alignPartitions } from "./glue-partitions.ts";
import { isSameTable, tableInput } from "./glue-table.ts";

interface Deps {
  readonly glue: Pick<GlueClient, "send">;
  readonly log: Logger;
  readonly clock: Pick<Clock, "monotonicMs">;
}

/** Some 10 MB of memory. Glue tells nobody of a partition that was dropped, and asking for a hundred once a minute is one call. */
const knownLimits = { most: 50_000, lifeMs: 60_000 };
/** How often a table is read again because another worker has changed it meanwhile. */
const updateTries = 5;

/** Asks Glue for nothing that this process has asked for within the last minute. */
export function createGlueCatalog(deps: Deps): Catalog {
  const known = createKnown(knownLimits, () => deps.clock.monotonicMs());
  return {
    async ensureTables(tables, signal) {
      const unknown = tables.filter((table) => !known.has(table));
      const call: GlueCall = { glue: deps.glue, options: signal === undefined ? {} : { abortSignal: signal } };
      for (const database of new Set(unknown.map((table) => table.database))) await ensureDatabase(call, database);
      const outcomes: TableOutcome[] = [];
      for (const table of unknown) {
        const outcome = await ensureTable(call, table);
        if (outcome !== "same") deps.log.info({ dataset: table.database, table: table.name, outcome }, "table written");
        outcomes.push(outcome);
        known.add(table);
      }
      return {
        created: outcomes.filter((outcome) => outcome === "created").length,
        updated: outcomes.filter((outcome) => outcome === "updated").length,
      };
    },

    async ensurePartitions(table, paths, signal) {
      if (table.partitions.length === 0) return { added: 0, known: 0 };
      const partitions = partitionsOf(table, paths);
      const unknown = partitions.filter(({ path }) => !known.has(table, path));
      if (unknown.length === 0) return { added: 0, known: partitions.length };
      const call: GlueCall = { glue: deps.glue, options: signal === undefined ? {} : { abortSignal: signal } };
      const added = await lookingForTable(known, table, async () => alignPartitions(call, table, unknown));
      for (const { path } of unknown) known.add(table, path);
      return { added, known: partitions.length - added };
    },
  };
}

/** Somebody dropped the table: it is made again with the message's next try. */
async function lookingForTable<T>(known: Known, table: TableDefinition, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EntityNotFoundException)) throw error;
    known.clear();
    throw new TransientError(`table ${table.database}.${table.name} is not in the catalog`, { cause: error });
  }
}

async function ensureDatabase({ glue, options }: GlueCall, name: string): Promise<void> {
  try {
    await glue.send(new GetDatabaseCommand({ Name: name }), options);
  } catch (error) {
    if (!(error instanceof EntityNotFoundException)) throw error;
    await glue
      .send(
        new CreateDatabaseCommand({ DatabaseInput: { Name: name, Description: `Airlake: dataset ${name}` } }),
        options,
      )
      .catch(unlessThere);
  }
}

type TableOutcome = "created" | "updated" | "same";

async function ensureTable(call: GlueCall, table: TableDefinition): Promise<TableOutcome> {
  for (let tries = 1; ; tries += 1) {
    const found = await getTable(call, table);
    if (found === undefined) {
      if (await createTable(call, table)) return "created";
      continue;
    }
    checkSamePartitionColumns(
      table,
      (found.PartitionKeys ?? []).map((column) => column.Name ?? ""),
    );
    if (isSameTable(tableInput(table, found), found)) return "same";
    if (await updateTable(call, table, found)) return "updated";
    if (tries === updateTries) {
      throw new TransientError(
        `table ${table.database}.${table.name} is being changed by others, ${tries} times in a row`,
      );
    }
  }
}

async function getTable({ glue, options }: GlueCall, table: TableDefinition): Promise<Table | undefined> {
  try {
    const answer = await glue.send(new GetTableCommand({ DatabaseName: table.database, Name: table.name }), options);
    return answer.Table;
  } catch (error) {
    if (error instanceof EntityNotFoundException) return undefined;
    throw error;
  }
}

/** False where another worker was faster. */
async function createTable({ glue, options }: GlueCall, table: TableDefinition): Promise<boolean> {
  try {
    await glue.send(new CreateTableCommand({ DatabaseName: table.database, TableInput: tableInput(table) }), options);
    return true;
  } catch (error) {
    unlessThere(error);
    return false;
  }
}

/** False where the table is no longer the one that was compared. */
async function updateTable({ glue, options }: GlueCall, table: TableDefinition, found: Table): Promise<boolean> {
  const request = {
    DatabaseName: table.database,
    TableInput: tableInput(table, found),
    ...(found.VersionId === undefined ? {} : { VersionId: found.VersionId }),
  };
  try {
    await glue.send(new UpdateTableCommand(request), options);
    return true;
  } catch (error) {
    if (error instanceof ConcurrentModificationException) return false;
    throw error;
  }
}

function unlessThere(error: unknown): void {
  if (!(error instanceof AlreadyExistsException)) throw error;
}
