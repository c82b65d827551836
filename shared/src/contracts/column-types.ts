/** What each engine calls the types of the lake's columns. */
import type { columnTypes } from "./dataset.ts";

/** A type that a dataset can declare. */
export type ColumnType = (typeof columnTypes)[number];

/** A type that a table can have: a dataset's, or what the JSON of the manifests is made of. */
export type TableType =
  | ColumnType
  | { readonly struct: Readonly<Record<string, TableType>> }
  | { readonly list: TableType }
  /** A map from text. */
  | { readonly map: TableType };

interface Names {
  readonly duckDb: string;
  readonly hive: string;
}

const names: Readonly<Record<ColumnType, Names>> = {
  text: { duckDb: "VARCHAR", hive: "string" },
  int: { duckDb: "INTEGER", hive: "int" },
  bigint: { duckDb: "BIGINT", hive: "bigint" },
  double: { duckDb: "DOUBLE", hive: "double" },
  boolean: { duckDb: "BOOLEAN", hive: "boolean" },
  date: { duckDb: "DATE", hive: "date" },
  timestamp: { duckDb: "TIMESTAMP", hive: "timestamp" },
  // Hive has no type for an instant. Parquet says that the values are in UTC, and Athena and Trino show them so.
  timestamptz: { duckDb: "TIMESTAMP WITH TIME ZONE", hive: "timestamp" },
  "list<text>": { duckDb: "VARCHAR[]", hive: "array<string>" },
};

/** The type's name in DuckDB's SQL. */
export function duckDbType(type: TableType): string {
  if (typeof type === "string") return names[type].duckDb;
  if ("list" in type) return `${duckDbType(type.list)}[]`;
  if ("map" in type) return `MAP(VARCHAR, ${duckDbType(type.map)})`;
  const fields = Object.entries(type.struct).map(([name, field]) => `"${name}" ${duckDbType(field)}`);
  return `STRUCT(${fields.join(", ")})`;
}

/** The type's name in a Glue table, as Athena and Trino read it. */
export function hiveType(type: TableType): string {
  if (typeof type === "string") return names[type].hive;
  if ("list" in type) return `array<${hiveType(type.list)}>`;
  if ("map" in type) return `map<string,${hiveType(type.map)}>`;
  const fields = Object.entries(type.struct).map(([name, field]) => `${name}:${hiveType(field)}`);
  return `struct<${fields.join(",")}>`;
}
