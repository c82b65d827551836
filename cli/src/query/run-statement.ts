/** Runs one statement of a person, and gives its rows as they come. */
import type { DuckDBConnection, DuckDBDataChunk, DuckDBType, DuckDBValue } from "@duckdb/node-api";

import { prepareStatement } from "./check-statement.ts";
import { explainQueryError } from "./query-error.ts";

export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: DuckDBType }[];
  /** The rows, some thousands at a time, to be read once. Ending early ends the query. */
  readonly chunks: AsyncIterable<readonly (readonly DuckDBValue[])[]>;
  /** The same as DuckDB holds them. One of the two can be read. */
  readonly dataChunks: AsyncIterable<DuckDBDataChunk>;
}

export interface Run {
  /** Ends it with its reason. */
  readonly signal: AbortSignal;
  readonly views: readonly string[];
}

/** Runs one SELECT. Fetches the first rows before it returns: what is wrong with a statement shows by then. */
export async function runStatement(connection: DuckDBConnection, sql: string, run: Run): Promise<QueryResult> {
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
