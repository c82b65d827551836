/** SQL over an embedded lake, for people: read-only, of the disk the lake alone, and always of what the manifests name. */
import { realpath } from "node:fs/promises";

import type { Clock } from "@airlake/shared/clock";
import type { DatasetDefinition } from "@airlake/shared/contracts/dataset";

import { readDatasetState } from "./lake-parts.ts";
import { type Limits, openViews, viewNames } from "./open-views.ts";
import type { QueryDatabase } from "./query-database.ts";
import { explainQueryError, missingPart } from "./query-error.ts";
import { type QueryResult, runStatement } from "./run-statement.ts";

export interface QueryOptions {
  /** The lake's folder. */
  readonly lake: string;
  /** In the lake. Each has a schema of its own name; the tables of the first answer to their bare names as well. */
  readonly datasets: readonly DatasetDefinition[];
  readonly clock: Clock;
  /** Unless given: all cores, and a quarter of the machine's memory but 4 GiB at most. */
  readonly limits?: Limits;
}

export interface Query extends AsyncDisposable {
  /** What can be queried, by the shortest name. */
  readonly views: readonly string[];
  /**
   * Runs one SELECT (or DESCRIBE, SHOW, SUMMARIZE, EXPLAIN) and gives its rows as they come; one statement at a time.
   * Aborting ends it with the signal's reason. Throws CommandError for what is not allowed, and for DuckDB's complaints.
   */
  run(sql: string, signal: AbortSignal): Promise<QueryResult>;
}

/** How often a query begins anew because the lake has moved on while it began. */
const tries = 4;

/** Opens the lake as it is now. Throws CommandError for a manifest that cannot be read. */
export async function openQuery(options: QueryOptions, signal?: AbortSignal): Promise<Query> {
  const lake = await realpath(options.lake);
  const views = viewNames(options.datasets);
  let database: QueryDatabase | undefined;
  const close = (): void => {
    database?.[Symbol.dispose]();
    database = undefined;
  };
  // A part that is missing was replaced since its manifest was read: the manifests are read again.
  const untilSettled = async <T>(work: (opened: QueryDatabase) => Promise<T>, wanted?: AbortSignal): Promise<T> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        database ??= await openViews(
          {
            folder: lake,
            datasets: options.datasets,
            stateOf: async (dataset) => readDatasetState({ folder: lake, clock: options.clock }, dataset, wanted),
          },
          options.limits,
        );
        return await work(database);
      } catch (error) {
        wanted?.throwIfAborted();
        if (attempt === tries || missingPart(error) === undefined) throw explainQueryError(error, views);
        close();
      }
    }
  };
  await untilSettled(async () => {}, signal);
  return {
    views,
    run: async (sql, wanted) =>
      untilSettled(async ({ connection }) => runStatement(connection, sql, { signal: wanted, views }), wanted),
    [Symbol.asyncDispose]: async () => close(),
  };
}
