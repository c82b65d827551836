/** A query's result for a person: a table where it fits, else one record after the other. */
import { DuckDBTypeId, type DuckDBType, type DuckDBValue } from "@duckdb/node-api";

import { type Column, displayWidth, renderTable, shortened } from "../table.ts";
import { counted, grouped, printable } from "../text.ts";
import type { QueryResult } from "./run-statement.ts";
import { textOf } from "./result-value.ts";

export interface TableOptions {
  /** Columns of the terminal; Infinity: nothing is cut, and nothing stands below one another that belongs side by side. */
  readonly width: number;
  /** How titles look. */
  readonly title: (text: string) => string;
}

/** More is no reading: it is for --csv and --json. */
const rowLimit = 1000;
const recordLimit = 100;
/** What a column of text is cut to at most, so that it still says something. */
const narrowest = 12;

const numeric: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UHUGEINT,
  DuckDBTypeId.FLOAT,
  DuckDBTypeId.DOUBLE,
  DuckDBTypeId.DECIMAL,
]);

/** The lines to print; the last one says how many rows there are. Reads no more rows than it shows. */
export async function tableLines(result: QueryResult, options: TableOptions): Promise<readonly string[]> {
  const { rows, more } = await firstRows(result, rowLimit);
  if (result.columns.map(({ name }) => name).join() === "explain_key,explain_value") {
    return rows.flatMap((row) => (textOf(row[1] ?? null) ?? "").trimEnd().split("\n"));
  }
  const columns = result.columns.map(({ name, type }) => columnOf(name, type));
  const cells = rows.map((row) => row.map((value) => printable(textOf(value) ?? "NULL")));
  if (!fits(columns, cells, options.width)) return recordLines(columns, cells, { ...options, more });
  const table = renderTable(columns, cells, options);
  return [...table, footer(rows.length, more)];
}

async function firstRows(
  result: QueryResult,
  limit: number,
): Promise<{ readonly rows: readonly (readonly DuckDBValue[])[]; readonly more: boolean }> {
  const rows: (readonly DuckDBValue[])[] = [];
  for await (const chunk of result.chunks) {
    rows.push(...chunk);
    if (rows.length > limit) break;
  }
  return { rows: rows.slice(0, limit), more: rows.length > limit };
}

function columnOf(name: string, type: DuckDBType): Column {
  const isNumber = numeric.has(type.typeId);
  return { title: printable(name), align: isNumber ? "right" : "left", shrinks: !isNumber };
}

/** Whether the table is no wider than the terminal when its text columns give way. */
function fits(columns: readonly Column[], cells: readonly (readonly string[])[], width: number): boolean {
  const widths = columns.map((column, at) => {
    const natural = cells.reduce(
      (widest, row) => Math.max(widest, displayWidth(row[at] ?? "")),
      displayWidth(column.title),
    );
    return column.shrinks === true ? Math.min(natural, narrowest) : natural;
  });
  return widths.reduce((sum, one) => sum + one + 2, -2) <= width;
}

function recordLines(
  columns: readonly Column[],
  cells: readonly (readonly string[])[],
  options: TableOptions & { readonly more: boolean },
): readonly string[] {
  const nameWidth = Math.max(...columns.map(({ title }) => displayWidth(title)));
  const shown = cells.slice(0, recordLimit);
  const lines = shown.flatMap((row, number) => [
    options.title(`record ${grouped(number + 1)}`),
    ...columns.map(({ title }, at) => {
      const name = `  ${title}${" ".repeat(nameWidth - displayWidth(title))}  `;
      return name + shortened(row[at] ?? "", Math.max(narrowest, options.width - displayWidth(name)));
    }),
  ]);
  return [...lines, footer(shown.length, options.more || shown.length < cells.length)];
}

function footer(count: number, more: boolean): string {
  return more ? `(the first ${grouped(count)} rows; all of them with --csv or --json)` : `(${counted(count, "row")})`;
}
