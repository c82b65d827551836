/** Defines the views and tables that a person queries: for each dataset a schema of its own, and `countries` for all. */
import { stat } from "node:fs/promises";
import { join } from "node:path";

import { duckDbType } from "@airlake/shared/contracts/column-types";
import {
  type Column,
  type DatasetDefinition,
  countryColumns,
  goldColumns,
  quarantineColumns,
} from "@airlake/shared/contracts/dataset";
import { referenceKey, tablePrefix } from "@airlake/shared/contracts/keys";
import { tableNames, usesCountries } from "@airlake/shared/contracts/tables";
import { quoteName, quoteText } from "@airlake/shared/duckdb";
import { codeOf } from "@airlake/shared/errors";
import type { DuckDBConnection } from "@duckdb/node-api";

import { type DatasetState, type SortedParts, sortParts } from "./lake-parts.ts";
import { type PartsView, partsQuery } from "./parts-view.ts";
import { bucketFolders } from "./query-database.ts";
import { sourceColumns, sourceRows } from "./source-rows.ts";

interface Described {
  readonly name: string;
  readonly comment: string;
}

/** Defines a dataset's schema: its own table, `sources` and `quarantine`. */
export async function defineDataset(
  connection: DuckDBConnection,
  dataset: DatasetDefinition,
  lake: { readonly folder: string; readonly state: DatasetState },
): Promise<void> {
  const schema = quoteName(dataset.name);
  await connection.run(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
  await defineSources(connection, schema, lake.state);
  await defineOwnTable(connection, dataset, lake);
  await defineQuarantine(connection, dataset, lake);
}

/** Defines `countries`, empty while no source was joined yet. */
export async function defineCountries(
  connection: DuckDBConnection,
  lakeFolder: string,
  datasets: readonly DatasetDefinition[],
): Promise<void> {
  if (!datasets.some(usesCountries)) return;
  const file = join(bucketFolders(lakeFolder).gold, referenceKey(tableNames.countries));
  const parts = { asDeclared: [], others: (await isThere(file)) ? [file] : [] };
  const variables = await setVariables(connection, "countries", parts);
  const query = partsQuery({ columns: countryColumns, partitions: [], folder: lakeFolder, isGold: false, variables });
  await connection.run(`CREATE TABLE main.countries AS SELECT * FROM (${query}) ORDER BY alpha2`);
  await comment(
    connection,
    { kind: "TABLE", name: "main.countries", says: "Countries of the world: ISO 3166-1, and Kosovo" },
    countryColumns,
  );
}

async function defineSources(connection: DuckDBConnection, schema: string, state: DatasetState): Promise<void> {
  const name = `${schema}.sources`;
  const typed = sourceColumns.map((column) => ({
    ...column,
    type: column.type === "map<bigint>" ? duckDbType({ map: "bigint" }) : duckDbType(column.type),
    quoted: quoteName(column.name),
  }));
  await connection.run(`CREATE TABLE ${name} (${typed.map(({ quoted, type }) => `${quoted} ${type}`).join(", ")})`);
  // from_json knows no instants: they come as text.
  const structure = Object.fromEntries(
    typed.map(({ name: column, type }) => [column, type.startsWith("TIME") ? "VARCHAR" : type]),
  );
  const values = typed.map(({ quoted, type }) =>
    type.startsWith("TIME") ? `TRY_CAST(s.${quoted} AS ${type})` : `s.${quoted}`,
  );
  await connection.run(
    `INSERT INTO ${name} SELECT ${values.join(", ")}
     FROM (SELECT unnest(from_json($1::VARCHAR, ${quoteText(JSON.stringify([structure]))})) AS s)`,
    [JSON.stringify(sourceRows(state.cleaned, state.joined))],
  );
  await comment(connection, { kind: "TABLE", name, says: "What has become of every source" }, sourceColumns);
}

async function defineOwnTable(
  connection: DuckDBConnection,
  dataset: DatasetDefinition,
  lake: { readonly folder: string; readonly state: DatasetState },
): Promise<void> {
  const { table } = dataset;
  const columns = goldColumns(dataset);
  const parts = await sortParts(connection, lake.state.goldParts, columns);
  const view: PartsView = {
    columns,
    partitions: table.partitions,
    folder: join(bucketFolders(lake.folder).gold, tablePrefix(dataset.name, table.name)).replace(/\/$/, ""),
    isGold: true,
    variables: await setVariables(connection, `${dataset.name}.${table.name}`, parts),
  };
  const name = `${quoteName(dataset.name)}.${quoteName(table.name)}`;
  await connection.run(`CREATE VIEW ${name} AS ${partsQuery(view)}`);
  await comment(connection, { kind: "VIEW", name, says: table.comment }, [...columns, ...table.partitions]);
}

async function defineQuarantine(
  connection: DuckDBConnection,
  dataset: DatasetDefinition,
  lake: { readonly folder: string; readonly state: DatasetState },
): Promise<void> {
  const parts = await sortParts(connection, lake.state.quarantineParts, quarantineColumns);
  const variables = await setVariables(connection, `${dataset.name}.quarantine`, parts);
  const query = partsQuery({
    columns: quarantineColumns,
    partitions: [],
    folder: lake.folder,
    isGold: false,
    variables,
  });
  const schema = quoteName(dataset.name);
  const key: Column = { name: "key", type: "text", comment: "The source's key in the raw bucket" };
  await connection.run(
    `CREATE VIEW ${schema}.quarantine AS SELECT s.key, q.* FROM (${query}) AS q LEFT JOIN ${schema}.sources AS s USING (source_id)`,
  );
  const says = "Records that were not kept, each with its reasons and its text as delivered";
  await comment(connection, { kind: "VIEW", name: `${schema}.quarantine`, says }, [key, ...quarantineColumns]);
}

/** Paths are in variables and not in the views' text, which is parsed again with every query. */
async function setVariables(
  connection: DuckDBConnection,
  of: string,
  parts: SortedParts,
): Promise<PartsView["variables"]> {
  const set = async (name: string, paths: readonly string[]): Promise<string | undefined> => {
    if (paths.length === 0) return undefined;
    await connection.run(`SET VARIABLE ${quoteName(name)} = from_json($1::VARCHAR, '["VARCHAR"]')`, [
      JSON.stringify(paths),
    ]);
    return name;
  };
  return {
    asDeclared: await set(`parts of ${of}`, parts.asDeclared),
    others: await set(othersVariable(of), parts.others),
  };
}

function othersVariable(of: string): string {
  return `parts of ${of} with other columns`;
}

/** The variable with the parts of a table of which nobody knows whether they have the declared columns. */
export function partsVariable(dataset: string, table: string): string {
  return othersVariable(`${dataset}.${table}`);
}

async function comment(
  connection: DuckDBConnection,
  on: { readonly kind: "TABLE" | "VIEW"; readonly name: string; readonly says: string },
  columns: readonly Described[],
): Promise<void> {
  const ofColumns = columns.map(
    (column) => `COMMENT ON COLUMN ${on.name}.${quoteName(column.name)} IS ${quoteText(column.comment)}`,
  );
  await connection.run([`COMMENT ON ${on.kind} ${on.name} IS ${quoteText(on.says)}`, ...ofColumns].join(";\n"));
}

async function isThere(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}
