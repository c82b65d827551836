/** DuckDB as every stage uses it: one in-memory instance a process, local files only, memory and threads bounded. */
import { rmSync } from "node:fs";
import { mkdtemp, realpath, utimes } from "node:fs/promises";
import { join } from "node:path";

import { type DuckDBConnection, DuckDBInstance, type DuckDBValue, version } from "@duckdb/node-api";

import { spillPrefix } from "./worker/scratch.ts";

export interface DuckDbOptions {
  readonly threads: number;
  /** What DuckDB's buffers may hold before it spills to `scratch`, in MiB. */
  readonly memoryLimitMb: number;
  /** A folder that exists. DuckDB reads and writes inside it and nowhere else on the disk. */
  readonly scratch: string;
}

/** A sweep takes what was not touched for an hour. */
const touchSpillEveryMs = 60_000;

/** The process's DuckDB instance. Dispose it when no session is open any more. */
export interface DuckDb extends Disposable {
  /** The engine's version, as it stands in fingerprints. */
  readonly version: string;
  /** A connection of its own: temporary tables, views and variables are seen by it alone. */
  readonly connect: (signal: AbortSignal) => Promise<DuckDbSession>;
}

/** One connection. Aborting its signal interrupts the statement that runs (in about 10 ms) and refuses later ones. */
export interface DuckDbSession extends Disposable {
  /** For what the functions here do not offer, such as appending data chunks. */
  readonly connection: DuckDBConnection;
  /** Runs one statement. `values` are bound to $1, $2, …; throws the signal's reason once that is aborted. */
  readonly run: (sql: string, values?: readonly DuckDBValue[]) => Promise<void>;
  /** Runs one statement and returns its rows as plain objects; BIGINT comes as bigint, so parse them. */
  readonly rows: (sql: string, values?: readonly DuckDBValue[]) => Promise<readonly unknown[]>;
}

/** What a stage works with: small sources share the statements of one instance, a large one has the other to itself. */
export interface Engines extends Disposable {
  /** The engine's version, as it stands in fingerprints. */
  readonly version: string;
  readonly small: DuckDb;
  readonly large: DuckDb;
}

/** Enough for a batch of small sources. It comes on top of what the large ones may have. */
const smallMemoryMb = 256;

/**
 * Opens two instances. Of the small ones' statements most have nothing for a second thread: with one thread they cost a quarter
 * less than with two that wait for each other.
 */
export async function openEngines(options: DuckDbOptions): Promise<Engines> {
  using closing = new DisposableStack();
  const large = closing.use(await openDuckDb(options));
  const small = closing.use(await openDuckDb({ ...options, threads: 1, memoryLimitMb: smallMemoryMb }));
  const opened = closing.move();
  return { version: large.version, large, small, [Symbol.dispose]: () => opened.dispose() };
}

/** Opens the instance and locks it: no other folder, no network, no extension, no change of settings. */
export async function openDuckDb(options: DuckDbOptions): Promise<DuckDb> {
  const scratch = await realpath(options.scratch);
  // Its own: two instances that spill into one folder overwrite each other's files, and the process crashes. The dot keeps it from
  // being taken for what a dead attempt left.
  const spill = await mkdtemp(join(scratch, `${spillPrefix}${process.pid}-`));
  // So that whoever sweeps the scratch folder sees that it is in use. It may be gone at the end, or the disk full: no harm.
  const touch = (): void => void utimes(spill, new Date(), new Date()).catch(() => {});
  const touching = setInterval(touch, touchSpillEveryMs).unref();
  const instance = await DuckDBInstance.create(":memory:", {
    threads: String(options.threads),
    memory_limit: `${options.memoryLimitMb}MiB`,
    temp_directory: spill,
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    // What a statement has freed goes back to the system soon, and not only from half a gigabyte on: it would count beside the limit.
    allocator_flush_threshold: "64MiB",
    allocator_bulk_deallocation_flush_threshold: "64MiB",
  });
  const close = (): void => {
    clearInterval(touching);
    instance.closeSync();
    rmSync(spill, { recursive: true, force: true });
  };
  try {
    const connection = await instance.connect();
    // What a record means must not depend on where the worker stands.
    await connection.run("SET GLOBAL TimeZone = 'UTC'");
    await connection.run(`SET GLOBAL allowed_directories = [${quoteText(scratch)}]`);
    await connection.run("SET GLOBAL enable_external_access = false");
    await connection.run("SET GLOBAL lock_configuration = true");
    connection.closeSync();
  } catch (error) {
    close();
    throw error;
  }
  return {
    version: version(),
    connect: async (signal) => openSession(await instance.connect(), signal),
    [Symbol.dispose]: close,
  };
}

/** How often a statement is interrupted until it ends. DuckDB forgets an interruption that comes before the statement has begun. */
const interruptEveryMs = 20;

function openSession(connection: DuckDBConnection, signal: AbortSignal): DuckDbSession {
  let running = 0;
  let isClosing = false;
  let interrupting: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    if (running === 0) return;
    connection.interrupt();
    interrupting ??= setInterval(() => connection.interrupt(), interruptEveryMs);
  };
  signal.addEventListener("abort", interrupt);
  const guarded = async <T>(statement: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    running += 1;
    try {
      return await statement();
    } catch (error) {
      // Our own interruption, not DuckDB's complaint about it.
      signal.throwIfAborted();
      throw error;
    } finally {
      running -= 1;
      if (running === 0) {
        clearInterval(interrupting);
        if (isClosing) connection.closeSync();
      }
    }
  };
  return {
    connection,
    run: async (sql, values) => {
      await guarded(async () => connection.run(sql, values && [...values]));
    },
    rows: async (sql, values) =>
      guarded(async () => (await connection.runAndReadAll(sql, values && [...values])).getRowObjectsJS()),
    [Symbol.dispose]: () => {
      signal.removeEventListener("abort", interrupt);
      isClosing = true;
      // Closing under a statement that still runs (a forgotten await) would corrupt the process's memory.
      if (running === 0) connection.closeSync();
      else interrupt();
    },
  };
}

/** Text as an SQL literal, for places that take no bound value. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A name as an SQL identifier: any text, whatever its case or signs. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
