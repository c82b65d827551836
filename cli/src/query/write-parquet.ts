/**
 * Writes a query's result as a Parquet file. The database that is asked can write nothing, and stays so: the rows are handed to
 * another one, which sees a scratch folder beside the file and nothing of the lake.
 */
import { mkdtemp } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { type DuckDbSession, openDuckDb, quoteName, quoteText } from "@airlake/shared/duckdb";

import { diskFault } from "../command-error.ts";
import { discard } from "../lake.ts";
import { type TargetFile, putInPlace } from "../target-file.ts";
import type { QueryResult } from "./run-statement.ts";

interface ParquetTarget extends TargetFile {
  readonly signal: AbortSignal;
}

/** What DuckDB holds of the rows before it spills to the scratch folder. */
const memoryLimitMb = 512;

/** Writes the file, whole or not at all, and gives the number of its rows. Integers of 128 bits become decimals: Parquet has none. */
export async function writeParquet(result: QueryResult, target: ParquetTarget): Promise<number> {
  await using closing = new AsyncDisposableStack();
  const scratch = closing.adopt(await makeScratch(target.file), discard);
  const duckdb = closing.use(await openDuckDb({ threads: availableParallelism(), memoryLimitMb, scratch }));
  const session = closing.use(await duckdb.connect(target.signal));
  const rows = await takeOver(session, result);
  const written = join(scratch, "result.parquet");
  const columns = result.columns.map(({ name, type }, at) => `${parquetValue(`c${at}`, type)} AS ${quoteName(name)}`);
  await session.run(
    `COPY (SELECT ${columns.join(", ")} FROM result) TO ${quoteText(written)} (FORMAT parquet, COMPRESSION zstd)`,
  );
  target.signal.throwIfAborted();
  await putInPlace(written, target);
  return rows;
}

async function takeOver(session: DuckDbSession, { columns, dataChunks }: QueryResult): Promise<number> {
  const declared = columns.map(({ type }, at) => `c${at} ${type.toString()}`);
  await session.run(`CREATE TABLE result (${declared.join(", ")})`);
  const appender = await session.connection.createAppender("result");
  let rows = 0;
  try {
    for await (const chunk of dataChunks) {
      appender.appendDataChunk(chunk);
      rows += chunk.rowCount;
    }
  } finally {
    appender.closeSync();
  }
  return rows;
}

/** DuckDB would make such integers floating-point numbers, and round them. */
function parquetValue(column: string, type: QueryResult["columns"][number]["type"]): string {
  const declared = type.toString();
  const exact = declared.replaceAll(/\bU?HUGEINT\b/g, "DECIMAL(38,0)");
  return exact === declared ? column : `CAST(${column} AS ${exact})`;
}

/** Beside the file, so that it can be moved there in one step, and so that its disk is the one that fills. */
async function makeScratch(file: string): Promise<string> {
  try {
    return await mkdtemp(join(dirname(file), ".airlake-"));
  } catch (error) {
    throw diskFault(error) ?? error;
  }
}
