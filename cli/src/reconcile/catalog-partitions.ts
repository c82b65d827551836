/** The partitions that the lake's catalog knows: its DuckDB file, or Glue. */
import { catalogFileOf, changeCatalogFile, registeredPartitions } from "@airlake/shared/embedded/catalog-file";
import type { DatasetDefinition } from "@airlake/shared/contracts/dataset";

import { awsSettingsIn } from "../config.ts";
import type { OpenedLake } from "../opened-lake.ts";

export interface CatalogPartitions extends Disposable {
  /** Their paths, a page at a time. */
  list(dataset: DatasetDefinition): AsyncGenerator<readonly string[]>;
  /** Takes partitions out of the catalog; objects stay. */
  drop(dataset: DatasetDefinition, paths: readonly string[]): Promise<void>;
}

/** Opens the catalog of a lake. Nothing is made where there is none. */
export async function openCatalogPartitions(opened: OpenedLake): Promise<CatalogPartitions> {
  return opened.lake === undefined ? glueOf() : fileOf(catalogFileOf(opened.lake.folder), opened);
}

function fileOf(file: string, { clock }: OpenedLake): CatalogPartitions {
  const catalog = { file, clock };
  return {
    async *list({ name: database, table: { name } }) {
      yield [...(await registeredPartitions(catalog, { database, name }))];
    },
    async drop({ name: database, table: { name } }, paths) {
      await changeCatalogFile(catalog, async (connection) => {
        for (const path of paths)
          await connection.run(
            "DELETE FROM partitions WHERE database_name = $1 AND table_name = $2 AND partition = $3",
            [database, name, path],
          );
      });
    },
    [Symbol.dispose]: () => {},
  };
}

async function glueOf(): Promise<CatalogPartitions> {
  // Loaded when it is needed: an embedded lake has no Glue.
  const { openGlueRegistered } = await import("@airlake/catalog-sync/glue-registered");
  const glue = openGlueRegistered(awsSettingsIn().endpoints.glue);
  return {
    list: (dataset) => glue.list(tableOf(dataset)),
    drop: async (dataset, paths) => glue.drop(tableOf(dataset), paths),
    [Symbol.dispose]: () => glue[Symbol.dispose](),
  };
}

function tableOf({ name, table }: DatasetDefinition) {
  return { database: name, name: table.name, partitions: table.partitions };
}
