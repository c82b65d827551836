/** DuckDB's values as JSON and as text. The same value reads the same in both, so far as the form allows. */
import {
  DuckDBArrayValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBUnionValue,
  type DuckDBValue,
} from "@duckdb/node-api";

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** Decimals up to this many digits are the same as numbers. */
const exactDigits = 15;

/**
 * Whole numbers beyond 2^53 and long decimals become strings; NaN and infinities null; instants ISO 8601 with Z, local times
 * without; maps with text keys objects; what JSON has no form for (intervals, blobs, …) the text that DuckDB shows.
 */
export function jsonOf(value: DuckDBValue): JsonValue {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? value : null;
    case "bigint":
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case "string":
    case "boolean":
      return value;
    default:
      return value === null || value === undefined ? null : jsonOfObject(value);
  }
}

/** Text for a table or a CSV field; undefined for NULL. What holds several values is written as JSON. */
export function textOf(value: DuckDBValue): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value !== "object") return String(value);
  if (value instanceof DuckDBDecimalValue) return value.toString();
  const json = jsonOfObject(value);
  return typeof json === "string" ? json : JSON.stringify(json);
}

function jsonOfObject(value: DuckDBValue & object): JsonValue {
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map(jsonOf);
  if (value instanceof DuckDBStructValue) return objectOf(Object.entries(value.entries));
  if (value instanceof DuckDBMapValue) return jsonOfMap(value);
  if (value instanceof DuckDBUnionValue) return jsonOf(value.value);
  if (value instanceof DuckDBDecimalValue) return jsonOfDecimal(value);
  return instantOf(value) ?? value.toString();
}

function jsonOfMap({ entries }: DuckDBMapValue): JsonValue {
  if (entries.every(({ key }) => typeof key === "string")) {
    return objectOf(entries.map(({ key, value }) => [String(key), value] as const));
  }
  return entries.map(({ key, value }) => ({ key: jsonOf(key), value: jsonOf(value) }));
}

function objectOf(entries: readonly (readonly [string, DuckDBValue])[]): JsonValue {
  return Object.fromEntries(entries.map(([name, value]) => [name, jsonOf(value)]));
}

function jsonOfDecimal(decimal: DuckDBDecimalValue): JsonValue {
  const text = decimal.toString();
  return text.replaceAll(/[-.]/g, "").length <= exactDigits ? Number(text) : text;
}

/** ISO 8601 of a time stamp; undefined of any other value. */
function instantOf(value: DuckDBValue & object): string | undefined {
  if (value instanceof DuckDBTimestampTZValue) return isoOf(value.toString().replace(/\+00$/, "Z"));
  if (
    value instanceof DuckDBTimestampValue ||
    value instanceof DuckDBTimestampSecondsValue ||
    value instanceof DuckDBTimestampMillisecondsValue ||
    value instanceof DuckDBTimestampNanosecondsValue
  ) {
    return isoOf(value.toString());
  }
  return undefined;
}

/** `2018-02-06 12:00:00.5` → `2018-02-06T12:00:00.5`; `infinity` and years BC stay as DuckDB writes them. */
function isoOf(text: string): string {
  return /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?Z?$/.test(text) ? text.replace(" ", "T") : text;
}
