/**
 * The SQL of a view over an explicit list of parts, whose filters on partition columns open only the parts that match.
 *
 * A partition's values come from the path of its part, by its folders counted from the root: DuckDB works a filter on such an
 * expression out for each path before it opens a file. (Its own hive_partitioning does the same, but takes every `name=value`
 * folder for a partition: in a lake below a folder `country=XX` it answered with no rows.)
 *
 * Parts are in two lists. Those that have exactly the declared columns are read as they are. Those that were written before a
 * column was declared are read with `schema`, which gives NULL for what is missing, but uses one thread per file.
 */
import { duckDbType } from "@airlake/shared/contracts/column-types";
import type { Column } from "@airlake/shared/contracts/dataset";
import { quoteName, quoteText } from "@airlake/shared/duckdb";

export interface PartsView {
  readonly columns: readonly Column[];
  /** Partition columns, from the outermost folder to the innermost. */
  readonly partitions: readonly Pick<Column, "name" | "type">[];
  /** The folder below which the partitions' folders lie: absolute, without links and without a slash at its end. */
  readonly folder: string;
  /** A dataset's own table. */
  readonly isGold: boolean;
  /** Names of the variables with the paths of both kinds of parts; undefined where there are none. */
  readonly variables: { readonly asDeclared: string | undefined; readonly others: string | undefined };
}

/** What reads the parts of a table with partitions, by a name that no other view uses: EXPLAIN shows it. */
export const goldReader = "parquet_scan";

/** A SELECT of the columns and the partition columns. Without parts it gives no rows, but the same columns. */
export function partsQuery(view: PartsView): string {
  const { asDeclared, others } = view.variables;
  const list = selectList(view);
  const reader = view.isGold ? goldReader : "read_parquet";
  const queries = [
    ...(asDeclared === undefined
      ? []
      : [`SELECT ${list} FROM ${reader}(${paths(asDeclared)}, hive_partitioning = false, filename = true)`]),
    ...(others === undefined
      ? []
      : [`SELECT ${list} FROM ${reader}(${paths(others)}, ${schemaOption(view.columns)}, filename = true)`]),
  ];
  return queries.length === 0 ? emptyQuery(view) : queries.join(" UNION ALL ");
}

function selectList(view: PartsView): string {
  const depth = view.folder.split("/").length;
  const ofPath = view.partitions.map(({ name, type }, at) => {
    const value = `substr(string_split(filename, '/')[${depth + at + 1}], ${name.length + 2})`;
    return `${type === "text" ? value : `CAST(${value} AS ${duckDbType(type)})`} AS ${quoteName(name)}`;
  });
  return [...view.columns.map((column) => quoteName(column.name)), ...ofPath].join(", ");
}

function paths(variable: string): string {
  return `getvariable(${quoteText(variable)})`;
}

function schemaOption(columns: readonly Column[]): string {
  const entries = columns.map(({ name, type }) => {
    const quoted = quoteText(name);
    return `${quoted}: {name: ${quoted}, type: ${quoteText(duckDbType(type))}, default_value: NULL}`;
  });
  return `schema = MAP {${entries.join(", ")}}`;
}

function emptyQuery(view: PartsView): string {
  const nulls = [...view.columns, ...view.partitions].map(
    ({ name, type }) => `CAST(NULL AS ${duckDbType(type)}) AS ${quoteName(name)}`,
  );
  return `SELECT ${nulls.join(", ")} WHERE false`;
}
