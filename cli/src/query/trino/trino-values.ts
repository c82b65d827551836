/** Trino's types and values as those of DuckDB, which the printing of results knows. */
import {
  BIGINT,
  BOOLEAN,
  DECIMAL,
  DOUBLE,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  type DuckDBType,
  type DuckDBValue,
  INTEGER,
  VARCHAR,
} from "@duckdb/node-api";

import type { TrinoType } from "./trino-client.ts";

const simple: Readonly<Record<string, DuckDBType>> = {
  bigint: BIGINT,
  integer: INTEGER,
  smallint: INTEGER,
  tinyint: INTEGER,
  double: DOUBLE,
  real: DOUBLE,
  boolean: BOOLEAN,
};

/** What a column's values are printed as: numbers stand right. Whatever has no like is text. */
export function duckDbTypeOf(type: TrinoType): DuckDBType {
  if (type.rawType !== "decimal") return simple[type.rawType] ?? VARCHAR;
  const { width, scale } = decimalOf(type);
  return DECIMAL(width, scale);
}

/** One value, as Trino's JSON has it. */
export function duckDbValueOf(type: TrinoType, value: unknown): DuckDBValue {
  if (value === null || value === undefined) return null;
  switch (type.rawType) {
    case "array":
      return new DuckDBListValue(listOf(value).map((item) => duckDbValueOf(innerOf(type, 0), item)));
    case "map":
      return mapOf(type, value);
    case "row":
      return rowOf(type, value);
    default:
      return scalarOf(type, value);
  }
}

function scalarOf(type: TrinoType, value: unknown): DuckDBValue {
  switch (type.rawType) {
    case "bigint":
      return BigInt(String(value));
    case "double":
    case "real":
      // "NaN" and "Infinity" come as text.
      return Number(value);
    case "decimal":
      return decimalValue(type, String(value));
    case "timestamp":
    case "timestamp with time zone":
      return instantOf(String(value));
    default:
      return typeof value === "number" || typeof value === "boolean" ? value : textOf(value);
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** `2018-02-06 05:00:00.250000 UTC` → `2018-02-06T05:00:00.25Z`, as DuckDB's results are written. */
function instantOf(text: string): string {
  const found = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?( UTC)?$/.exec(text);
  if (found === null) return text;
  const [, date = "", time = "", fraction = "", zone] = found;
  const digits = fraction.replace(/0+$/, "");
  return `${date}T${time}${digits === "" ? "" : `.${digits}`}${zone === undefined ? "" : "Z"}`;
}

function decimalOf({ arguments: given }: TrinoType): { readonly width: number; readonly scale: number } {
  const [width, scale] = given.map(({ value }) => Number(value));
  return { width: width ?? 38, scale: scale ?? 0 };
}

function decimalValue(type: TrinoType, text: string): DuckDBValue {
  const { width, scale } = decimalOf(type);
  return new DuckDBDecimalValue(BigInt(text.replace(".", "")), width, scale);
}

function mapOf(type: TrinoType, value: unknown): DuckDBValue {
  const [keyType, valueType] = [innerOf(type, 0), innerOf(type, 1)];
  const entries = Object.entries(objectOf(value)).map(([key, one]) => ({
    key: duckDbValueOf(keyType, key),
    value: duckDbValueOf(valueType, one),
  }));
  return new DuckDBMapValue(entries);
}

function rowOf(type: TrinoType, value: unknown): DuckDBValue {
  const entries = listOf(value).map((one, at) => [nameOf(type, at), duckDbValueOf(innerOf(type, at), one)] as const);
  return new DuckDBStructValue(Object.fromEntries(entries));
}

function nameOf(type: TrinoType, at: number): string {
  const named = objectOf(type.arguments[at]?.value)["fieldName"];
  const name = objectOf(named)["name"];
  return typeof name === "string" ? name : `field${at}`;
}

const text: TrinoType = { rawType: "varchar", arguments: [] };

/** The type in brackets; a row's has a name beside it. */
function innerOf(type: TrinoType, at: number): TrinoType {
  const given = objectOf(type.arguments[at]?.value);
  const found = "typeSignature" in given ? objectOf(given["typeSignature"]) : given;
  const { rawType, arguments: inner } = found;
  if (typeof rawType !== "string") return text;
  const checked = listOf(inner).map((one) => ({ kind: String(objectOf(one)["kind"]), value: objectOf(one)["value"] }));
  return { rawType, arguments: checked };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
