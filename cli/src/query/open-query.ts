/** SQL over an embedded lake, for people: read-only, of the disk the lake alone, and always of what the manifests name. */
import { realpath } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";

import type { Clock } from "@airlake/shared/clock";
import type { DatasetDefinition } from "@airlake/shared/contracts/dataset";
import { tableNames, usesCountries } from "@airlake/shared/contracts/tables";
import { quoteName, quoteText } from "@airlake/shared/duckdb";
import type { DuckDBConnection, DuckDBDataChunk, DuckDBType, DuckDBValue } from "@duckdb/node-api";

import { prepareStatement } from "./check-statement.ts";
import { defineCountries, defineDataset } from "./define-views.ts";
import { readDatasetState } from "./lake-parts.ts";
import { type QueryDatabase, bucketFolders, openDatabase } from "./query-database.ts";
import { explainQueryError, missingPart } from "./query-error.ts";

export interface QueryOptions {
  /** The lake's folder. */
  readonly lake: string;
  /** In the lake. Each has a schema of its own name; the tables of the first answer to their bare names as well. */
  readonly datasets: readonly DatasetDefinition[];
  readonly clock: Clock;
  /** Unless given: all cores, and a quarter of the machine's memory but 4 GiB at most. */
  readonly limits?: { readonly threads: number; readonly memoryLimitMb: number };
}

export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: DuckDBType }[];
  /** The rows, some thousands at a time, to be read once. Ending early ends the query. */
  readonly chunks: AsyncIterable<readonly (readonly DuckDBValue[])[]>;
  /** The same as DuckDB holds them. One of the two can be read. */
  readonly dataChunks: AsyncIterable<DuckDBDataChunk>;
}

export interface Query extends AsyncDisposable {
  /** What can be queried, by the shortest name. */
  readonly views: readonly string[];
  /**
   * Runs one SELECT (or DESCRIBE, SHOW, SUMMARIZE, EXPLAIN) and gives its rows as they come; one statement at a time.
   * Aborting ends it with the signal's reason. Throws CommandError for what is not allowed, and for DuckDB's complaints.
   */
  run(sql: string, signal: AbortSignal): Promise<QueryResult>;
}

/** How often a query begins anew because the lake has moved on while it began. */
const tries = 4;

/** Opens the lake as it is now. Throws CommandError for a manifest that cannot be read. */
export async function openQuery(options: QueryOptions, signal?: AbortSignal): Promise<Query> {
  const lake = await realpath(options.lake);
  const views = viewNames(options.datasets);
  let database: QueryDatabase | undefined;
  const close = (): void => {
    database?.[Symbol.dispose]();
    database = undefined;
  };
  // A part that is missing was replaced since its manifest was read: the manifests are read again.
  const untilSettled = async <T>(work: (opened: QueryDatabase) => Promise<T>, wanted?: AbortSignal): Promise<T> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        database ??= await openViews({ ...options, lake }, wanted);
        return await work(database);
      } catch (error) {
        wanted?.throwIfAborted();
        if (attempt === tries || missingPart(error) === undefined) throw explainQueryError(error, views);
        close();
      }
    }
  };
  await untilSettled(async () => {}, signal);
  return {
    views,
    run: async (sql, wanted) =>
      untilSettled(async ({ connection }) => start(connection, sql, { signal: wanted, views }), wanted),
    [Symbol.asyncDispose]: async () => close(),
  };
}

async function openViews(options: QueryOptions, signal?: AbortSignal): Promise<QueryDatabase> {
  const database = await openDatabase(options.limits ?? defaultLimits());
  try {
    const { connection } = database;
    for (const dataset of options.datasets) {
      const state = await readDatasetState({ folder: options.lake, clock: options.clock }, dataset, signal);
      await defineDataset(connection, dataset, { folder: options.lake, state });
    }
    await defineCountries(connection, options.lake, options.datasets);
    const [first] = options.datasets;
    if (first !== undefined) await connection.run(`SET search_path = ${quoteText(`${quoteName(first.name)},main`)}`);
    await database.lock(Object.values(bucketFolders(options.lake)));
    return database;
  } catch (error) {
    database[Symbol.dispose]();
    throw error;
  }
}

function defaultLimits(): NonNullable<QueryOptions["limits"]> {
  const quarterMb = Math.floor(totalmem() / 4 / 1024 ** 2);
  return { threads: availableParallelism(), memoryLimitMb: Math.max(256, Math.min(4096, quarterMb)) };
}

function viewNames(datasets: readonly DatasetDefinition[]): readonly string[] {
  const [first, ...others] = datasets;
  return [
    ...(first === undefined ? [] : namesOf(first)),
    ...(datasets.some(usesCountries) ? [tableNames.countries] : []),
    ...others.flatMap((dataset) => namesOf(dataset).map((name) => `${dataset.name}.${name}`)),
  ];
}

function namesOf(dataset: DatasetDefinition): readonly string[] {
  return [dataset.table.name, tableNames.sources, tableNames.quarantine];
}

interface Run {
  readonly signal: AbortSignal;
  readonly views: readonly string[];
}

/** Fetches the first rows before it returns: what is wrong with a statement shows by then. */
async function start(connection: DuckDBConnection, sql: string, run: Run): Promise<QueryResult> {
  run.signal.throwIfAborted();
  const interrupt = (): void => connection.interrupt();
  run.signal.addEventListener("abort", interrupt);
  try {
    const prepared = await prepareStatement(connection, sql);
    const result = await prepared.stream();
    const first = await result.fetchChunk();
    const columns = result.columnNames().map((name, at) => ({ name, type: result.columnType(at) }));
    const next = async (): Promise<DuckDBDataChunk | null> => result.fetchChunk();
    const done = (): void => run.signal.removeEventListener("abort", interrupt);
    const dataChunks = chunksOf(first, next, { ...run, done });
    return { columns, dataChunks, chunks: rowsOf(dataChunks) };
  } catch (error) {
    run.signal.removeEventListener("abort", interrupt);
    throw error;
  }
}

async function* rowsOf(chunks: AsyncIterable<DuckDBDataChunk>): AsyncGenerator<readonly (readonly DuckDBValue[])[]> {
  for await (const chunk of chunks) yield chunk.getRows();
}

async function* chunksOf(
  first: DuckDBDataChunk | null,
  next: () => Promise<DuckDBDataChunk | null>,
  run: Run & { readonly done: () => void },
): AsyncGenerator<DuckDBDataChunk> {
  try {
    for (let chunk = first; chunk !== null && chunk.rowCount > 0; chunk = await next()) {
      run.signal.throwIfAborted();
      yield chunk;
    }
    run.signal.throwIfAborted();
  } catch (error) {
    run.signal.throwIfAborted();
    throw explainQueryError(error, run.views);
  } finally {
    run.done();
  }
}
