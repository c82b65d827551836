/**
 * What SQL a person may run: one SELECT, or EXPLAIN of one. DuckDB itself is locked as well (query-database.ts), but a lock on
 * the disk still lets a SELECT write into the folders that it may read, through functions such as enable_logging; and DuckDB
 * makes a SELECT of many a PRAGMA before it says what kind of statement it is. So the parsed statement is looked at first.
 */
import type { DuckDBConnection, DuckDBPreparedStatement } from "@duckdb/node-api";
import { StatementType } from "@duckdb/node-api";
import { z } from "zod";

import { CommandError } from "../command-error.ts";

const lengthLimit = 1_000_000;

/** Functions that may stand in FROM. A new DuckDB brings new ones: what is not here is refused. */
const tableFunctions = new Set([
  ...["range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree"],
  ...["histogram", "histogram_values", "summary", "icu_calendar_names", "pg_timezone_names"],
  ...[
    "duckdb_columns",
    "duckdb_tables",
    "duckdb_views",
    "duckdb_schemas",
    "duckdb_functions",
    "duckdb_types",
    "duckdb_keywords",
  ],
  ...["pragma_table_info", "pragma_version"],
  // Files: DuckDB's own lock lets these read the lake's buckets only.
  ...[
    "read_parquet",
    "parquet_scan",
    "parquet_schema",
    "parquet_metadata",
    "parquet_file_metadata",
    "parquet_kv_metadata",
  ],
  ...["read_csv", "read_csv_auto", "sniff_csv", "read_json", "read_json_auto", "read_ndjson", "read_ndjson_auto"],
  ...["read_json_objects", "read_json_objects_auto", "read_ndjson_objects", "read_text", "read_blob", "glob"],
]);

const parsed = z.union([
  z.object({ error: z.literal(true), error_type: z.string(), error_message: z.string() }),
  z.object({ error: z.literal(false), statements: z.array(z.unknown()) }),
]);

/** Spaces and comments, then EXPLAIN, perhaps with ANALYZE. What follows is parsed on its own. */
const explain = /^(?:\s|--[^\n]*\n|\/\*.*?\*\/)*EXPLAIN\s+(ANALYZE\s+)?/is;

/**
 * The statement, ready to run. Throws CommandError for whatever else it is, and DuckDB's own error where it does not parse or
 * names what is not there.
 */
export async function prepareStatement(connection: DuckDBConnection, sql: string): Promise<DuckDBPreparedStatement> {
  if (sql.length > lengthLimit) throw refused(`The statement is longer than ${lengthLimit} characters.`);
  // What comes after it would be seen by one part of DuckDB and not by another.
  if (sql.includes("\0")) throw refused("The statement has a NUL character in it.");
  const prefix = explain.exec(sql);
  const body = prefix === null ? sql : sql.slice(prefix[0].length);
  checkFunctions(await parseSelect(connection, body));
  const statements = await connection.extractStatements(prefix === null ? sql : `EXPLAIN ${prefix[1] ?? ""}${body}`);
  const prepared = await statements.prepare(0);
  const wanted = prefix === null ? StatementType.SELECT : StatementType.EXPLAIN;
  if (statements.count !== 1 || prepared.statementType !== wanted) throw refused(onlySelect);
  if (prepared.parameterCount > 0)
    throw refused("The statement has parameters ($1 or ?), and nothing gives them values.");
  return prepared;
}

const onlySelect =
  "Only a SELECT can be run here (or FROM, WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE, EXPLAIN): queries read the lake and change nothing.";

async function parseSelect(connection: DuckDBConnection, sql: string): Promise<unknown> {
  const reader = await connection.runAndReadAll("SELECT json_serialize_sql($1::VARCHAR)", [sql]);
  const answer = parsed.parse(JSON.parse(String(reader.getRows()[0]?.[0])));
  if (answer.error) {
    if (answer.error_type !== "parser") throw refused(onlySelect);
    // DuckDB's own words about it, with the place.
    await connection.extractStatements(sql);
    throw refused(answer.error_message);
  }
  const [statement, second] = answer.statements;
  if (statement === undefined) throw refused("There is no statement.");
  if (second !== undefined) throw refused("There is more than one statement: give one at a time.");
  return statement;
}

function checkFunctions(statement: unknown): void {
  const name = tableFunctionNames(statement).find((found) => !tableFunctions.has(found));
  if (name !== undefined)
    throw refused(`The function ${name} cannot be used here: queries read the lake and change nothing.`);
}

/** The functions in FROM, wherever in the tree. Not recursive: what a person nests is not bounded by our stack. */
function tableFunctionNames(tree: unknown): readonly string[] {
  const names: string[] = [];
  const rest: unknown[] = [tree];
  for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
    if (typeof node !== "object" || node === null) continue;
    if ("type" in node && node.type === "TABLE_FUNCTION") names.push(functionName(node));
    for (const child of Object.values(node)) if (typeof child === "object" && child !== null) rest.push(child);
  }
  return names;
}

const tableFunction = z.object({ function: z.object({ function_name: z.string() }) });

function functionName(node: unknown): string {
  const found = tableFunction.safeParse(node);
  // Of a shape that we do not know: refused under a name that no function has.
  return found.success ? found.data.function.function_name.toLowerCase() : "of unknown name";
}

/** Whether it only explains a statement, and reads nothing for it. */
export function readsNothing(sql: string): boolean {
  const prefix = explain.exec(sql);
  return prefix !== null && prefix[1] === undefined;
}

/** The statement without EXPLAIN before it. */
export function selectIn(sql: string): string {
  return sql.slice(explain.exec(sql)?.[0].length ?? 0);
}

function refused(message: string): CommandError {
  return new CommandError(message);
}
