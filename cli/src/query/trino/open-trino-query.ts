/** SQL asked of Trino: where the lake is, over the tables that catalog-sync registers in Glue. */
import type { DatasetDefinition } from "@airlake/shared/contracts/dataset";
import type { DuckDBDataChunk, DuckDBValue } from "@duckdb/node-api";

import { CommandError } from "../../command-error.ts";
import type { Query } from "../open-query.ts";
import { viewNames } from "../open-views.ts";
import type { QueryResult } from "../run-statement.ts";
import { type TrinoPlace, type TrinoResult, askTrino } from "./trino-client.ts";
import { duckDbTypeOf, duckDbValueOf } from "./trino-values.ts";

const blanks = /^(?:\s|\(|--[^\n]*(?:\n|$)|\/\*[^]*?\*\/)*/;
const reading = /^(?:SELECT|WITH|VALUES|TABLE)\b/i;
const showing = /^(?:SHOW|DESCRIBE|DESC)\b/i;
const explain = /^EXPLAIN\b(?:\s+ANALYZE\b)?(?:\s+VERBOSE\b)?(?:\s*\([^)]*\))?/i;

/** Opens nothing: Trino is asked with the first statement. */
export function openTrinoQuery(place: Omit<TrinoPlace, "schema">, datasets: readonly DatasetDefinition[]): Query {
  const [first] = datasets;
  const at = { ...place, schema: first?.name ?? "default" };
  return {
    views: viewNames(datasets),
    run: async (sql, signal) => resultOf(await askTrino(at, checkReading(sql), signal)),
    [Symbol.asyncDispose]: async () => {},
  };
}

/**
 * The statement without a semicolon at its end. Throws CommandError for one that does not begin as what reads: Trino takes one
 * statement a request, and nothing that begins so writes.
 */
export function checkReading(sql: string): string {
  const statement = sql.trim().replace(/;\s*$/, "");
  let body = statement.replace(blanks, "");
  if (showing.test(body)) return statement;
  if (explain.test(body)) body = body.replace(explain, "").replace(blanks, "");
  if (reading.test(body)) return statement;
  throw new CommandError(
    "Only a SELECT can be run here (or WITH, VALUES, TABLE, SHOW, DESCRIBE, EXPLAIN): queries read the lake and change nothing.",
  );
}

function resultOf({ columns, pages }: TrinoResult): QueryResult {
  return {
    columns: columns.map(({ name, type }) => ({ name, type: duckDbTypeOf(type) })),
    chunks: rowsOf({ columns, pages }),
    dataChunks: noChunks(),
  };
}

async function* rowsOf({ columns, pages }: TrinoResult): AsyncGenerator<readonly (readonly DuckDBValue[])[]> {
  for await (const page of pages) yield rowsIn(columns, page);
}

function rowsIn(columns: TrinoResult["columns"], page: readonly (readonly unknown[])[]) {
  return page.map((row) => columns.map(({ type }, at) => duckDbValueOf(type, row[at])));
}

/** Never any: fails when it is read. */
async function* noChunks(): AsyncGenerator<DuckDBDataChunk> {
  yield* [];
  throw new CommandError("Trino's rows are not DuckDB's.", "Use --engine duckdb for a Parquet file.");
}
