/** The database that a person asks: the views of every dataset over a lake's folder, locked. */
import { availableParallelism, totalmem } from "node:os";

import type { DatasetDefinition } from "@airlake/shared/contracts/dataset";
import { tableNames, usesCountries } from "@airlake/shared/contracts/tables";
import { quoteName, quoteText } from "@airlake/shared/duckdb";

import { defineCountries, defineDataset } from "./define-views.ts";
import type { DatasetState } from "./lake-parts.ts";
import { type QueryDatabase, bucketFolders, openDatabase } from "./query-database.ts";

export interface Limits {
  readonly threads: number;
  readonly memoryLimitMb: number;
}

/** Where the parts lie, and how they are found out about. */
export interface ViewedLake {
  /** Has a folder for each bucket. Without links. */
  readonly folder: string;
  /** In the lake. Each has a schema of its own name; the tables of the first answer to their bare names as well. */
  readonly datasets: readonly DatasetDefinition[];
  readonly stateOf: (dataset: DatasetDefinition) => Promise<DatasetState>;
}

/** Opens the views, of the disk with the lake's buckets alone. All cores and a quarter of the memory unless `limits` are given. */
export async function openViews(lake: ViewedLake, limits = defaultLimits()): Promise<QueryDatabase> {
  const database = await openDatabase(limits);
  try {
    const { connection } = database;
    for (const dataset of lake.datasets) {
      const state = await lake.stateOf(dataset);
      await defineDataset(connection, dataset, { folder: lake.folder, state });
    }
    await defineCountries(connection, lake.folder, lake.datasets);
    const [first] = lake.datasets;
    if (first !== undefined) await connection.run(`SET search_path = ${quoteText(`${quoteName(first.name)},main`)}`);
    await database.lock(Object.values(bucketFolders(lake.folder)));
    return database;
  } catch (error) {
    database[Symbol.dispose]();
    throw error;
  }
}

function defaultLimits(): Limits {
  const quarterMb = Math.floor(totalmem() / 4 / 1024 ** 2);
  return { threads: availableParallelism(), memoryLimitMb: Math.max(256, Math.min(4096, quarterMb)) };
}

/** What can be queried, by the shortest name. */
export function viewNames(datasets: readonly DatasetDefinition[]): readonly string[] {
  const [first, ...others] = datasets;
  return [
    ...(first === undefined ? [] : namesOf(first)),
    ...(datasets.some(usesCountries) ? [tableNames.countries] : []),
    ...others.flatMap((dataset) => namesOf(dataset).map((name) => `${dataset.name}.${name}`)),
  ];
}

function namesOf(dataset: DatasetDefinition): readonly string[] {
  return [dataset.table.name, tableNames.sources, tableNames.quarantine];
}
