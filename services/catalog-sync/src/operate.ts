/** The catalog for an operator: what it has registered, and to put that right. The service itself never takes anything away. */
import { writeFile } from "node:fs/promises";
import { GlueClient } from "@aws-sdk/client-glue";
import { at } from "@airlake/shared/clients";
import type { Clock } from "@airlake/shared/clock";
import type { TableDefinition } from "@airlake/shared/contracts/tables";
import { changeCatalogFile, registeredPartitions } from "@airlake/shared/embedded/catalog-file";
import type { Logger } from "@airlake/shared/logger";

import type { Catalog } from "./catalog.ts";
import { createDuckDbCatalog, droppedMarkerOf } from "./duckdb-catalog.ts";
import { createGlueCatalog } from "./glue-catalog.ts";
import { dropPartitions, listPartitions } from "./glue-registered.ts";

/** It has no memory of what was registered before, as a service that runs has. */
export interface OperatedCatalog extends Catalog, Disposable {
  /** The registered partitions (`country=BE/year=2018/month=02`), a page at a time; none where there is no such table. */
  list(table: TableDefinition, signal?: AbortSignal): AsyncGenerator<readonly string[]>;
  /** Removes partitions from the catalog; one that is gone already is no error. Objects stay. */
  drop(table: TableDefinition, paths: readonly string[], signal?: AbortSignal): Promise<void>;
}

/** The embedded lake's catalog. */
export function openCatalogFile(file: string, clock: Clock): OperatedCatalog {
  const catalog = { file, clock };
  return {
    ...createDuckDbCatalog(catalog),
    async *list({ database, name }, signal) {
      yield [...(await registeredPartitions(catalog, { database, name }, signal))];
    },
    async drop({ database, name }, paths, signal) {
      const remove = "DELETE FROM partitions WHERE database_name = $1 AND table_name = $2 AND partition = $3";
      await changeCatalogFile(
        catalog,
        async (connection) => {
          for (const path of paths) await connection.run(remove, [database, name, path]);
          // Before it is so, and while nobody else has the file: who dies here has told at worst of nothing, and a service that sees
          // the marker waits for the file. One that looked before has used what it knew, and whoever drops looks once more whether
          // parts have come.
          await writeFile(droppedMarkerOf(file), "");
        },
        signal,
      );
    },
    [Symbol.dispose]: () => {},
  };
}

/** The catalog on Glue at this endpoint; undefined for AWS itself. */
export function openGlue(endpoint: string | undefined, log: Logger, clock: Clock): OperatedCatalog {
  const glue = new GlueClient(at(endpoint));
  return {
    ...createGlueCatalog({ glue, log, clock }),
    list: (table, signal) => listPartitions({ glue, options: optionsOf(signal) }, table),
    drop: async (table, paths, signal) => dropPartitions({ glue, options: optionsOf(signal) }, table, paths),
    [Symbol.dispose]: () => glue.destroy(),
  };
}

function optionsOf(signal: AbortSignal | undefined): { readonly abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}
