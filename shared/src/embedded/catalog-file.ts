/**
 * The embedded lake's catalog: one DuckDB file that several processes share by opening it for a moment, one at a time.
 *
 * DuckDB's own lock is not enough for that. It is a POSIX lock: when a process closes the file anywhere, its lock is gone
 * everywhere, and two instances in one process see no lock at all (rows were lost in a trial). So whoever opens the file
 * first takes the exclusive lock of an empty SQLite file beside it, which the system releases when a process dies.
 */
import { rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";

import type { Clock } from "../clock.ts";
import { TransientError, codeOf } from "../errors.ts";
import { explainStorage, isBusy } from "./database.ts";

/** How long to wait while others have the file: a turn takes some 20 ms, but a person may look into it with another program. */
const waitLimitMs = 15_000;

/** The tables inside. Types are the lake's own (`text`, `list<text>`, …); struct and map types of JSON tables are JSON. */
const catalogLayout = `
  CREATE TABLE databases (name VARCHAR PRIMARY KEY);
  CREATE TABLE tables (
    database_name VARCHAR, table_name VARCHAR, comment VARCHAR, storage VARCHAR, bucket VARCHAR, prefix VARCHAR,
    PRIMARY KEY (database_name, table_name)
  );
  CREATE TABLE columns (
    database_name VARCHAR, table_name VARCHAR, position INTEGER, column_name VARCHAR, column_type VARCHAR, comment VARCHAR,
    is_partition BOOLEAN, PRIMARY KEY (database_name, table_name, position)
  );
  CREATE TABLE partitions (
    database_name VARCHAR, table_name VARCHAR, partition VARCHAR, bucket VARCHAR, prefix VARCHAR, columns VARCHAR,
    PRIMARY KEY (database_name, table_name, partition)
  );`;

export interface CatalogFile {
  readonly file: string;
  readonly clock: Clock;
}

/** Where a lake's catalog lies. */
export function catalogFileOf(lakeFolder: string): string {
  return join(lakeFolder, "catalog.duckdb");
}

/** Whether the file is there. */
export async function hasCatalogFile(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}

/**
 * Opens the file (and makes it where it is not there), runs `work` in one transaction, and closes it.
 * Throws TransientError where others keep it for 15 s.
 */
export async function changeCatalogFile<T>(
  catalog: CatalogFile,
  work: (connection: DuckDBConnection) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  return withTurn(catalog, signal, async () => {
    if (!(await hasCatalogFile(catalog.file))) await createCatalogFile(catalog.file);
    return withConnection(catalog.file, "READ_WRITE", async (connection) => {
      await connection.run("BEGIN");
      try {
        const result = await work(connection);
        await connection.run("COMMIT");
        return result;
      } catch (error) {
        // Closing would roll back as well; this frees the connection when a trial of a COMMIT failed.
        await connection.run("ROLLBACK").catch(() => {});
        throw error;
      }
    });
  });
}

/** Made beside and moved into place: a file whose maker was killed half-way would be no database, for ever. */
async function createCatalogFile(file: string): Promise<void> {
  const unfinished = `${file}.new`;
  // A log without its file belongs to one that somebody removed.
  for (const rest of [unfinished, `${unfinished}.wal`, `${file}.wal`]) await rm(rest, { force: true });
  await withConnection(unfinished, "READ_WRITE", async (connection) => {
    await connection.run(catalogLayout);
  });
  await rename(unfinished, file);
}

/** The registered partitions of one table, by their paths (`country=BE/year=2018/month=02`); none where there is no file. */
export async function registeredPartitions(
  catalog: CatalogFile,
  table: { readonly database: string; readonly name: string },
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  if (!(await hasCatalogFile(catalog.file))) return new Set();
  return withTurn(catalog, signal, async () =>
    withConnection(catalog.file, "READ_ONLY", async (connection) => {
      const reader = await connection.runAndReadAll(
        "SELECT partition FROM partitions WHERE database_name = $1 AND table_name = $2",
        [table.database, table.name],
      );
      return new Set(reader.getRows().map(([partition]) => String(partition)));
    }),
  );
}

/** Runs `open` while nobody else has the file. */
async function withTurn<T>(catalog: CatalogFile, signal: AbortSignal | undefined, open: () => Promise<T>): Promise<T> {
  const { clock, file } = catalog;
  const giveUpAt = clock.monotonicMs() + waitLimitMs;
  for (;;) {
    signal?.throwIfAborted();
    const turn = await tryTurn(file, open);
    if (turn.kind === "done") return turn.value;
    if (clock.monotonicMs() >= giveUpAt) {
      throw new TransientError(`the catalog ${file} is held by another program for more than ${waitLimitMs / 1000} s`, {
        cause: turn.cause,
      });
    }
    await clock.sleep(2 + clock.random() * 20, signal);
  }
}

type Turn<T> = { readonly kind: "done"; readonly value: T } | { readonly kind: "held"; readonly cause: unknown };

async function tryTurn<T>(file: string, open: () => Promise<T>): Promise<Turn<T>> {
  const lock = takeLock(file);
  if (lock.kind === "held") return lock;
  try {
    return { kind: "done", value: await open() };
  } catch (error) {
    // Somebody who does not know our lock, such as the duckdb command.
    if (error instanceof Error && error.message.includes("Could not set lock on file"))
      return { kind: "held", cause: error };
    throw error;
  } finally {
    lock.database?.close();
  }
}

type Lock =
  | { readonly kind: "taken"; readonly database: DatabaseSync | undefined }
  | { readonly kind: "held"; readonly cause: unknown };

function takeLock(file: string): Lock {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(`${file}.lock`, { timeout: 0 });
    database.exec("BEGIN EXCLUSIVE");
    return { kind: "taken", database };
  } catch (error) {
    database?.close();
    if (isBusy(error)) return { kind: "held", cause: error };
    const explained = explainStorage(error);
    // A lake that we may only read: those who write it have their own lock, and reading needs no more than DuckDB's.
    if (codeOf(explained) === "EROFS" || codeOf(explained) === "EACCES") return { kind: "taken", database: undefined };
    throw explained;
  }
}

async function withConnection<T>(
  file: string,
  access: "READ_ONLY" | "READ_WRITE",
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const instance = await DuckDBInstance.create(file, {
    access_mode: access,
    // A new file takes 0.1 MB, and not 1.3 MB: a catalog has few rows.
    default_block_size: "16384",
    threads: "1",
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
  });
  try {
    const connection = await instance.connect();
    try {
      return await work(connection);
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}
