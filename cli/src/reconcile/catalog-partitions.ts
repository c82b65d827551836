/** The partitions that the lake's catalog knows: its DuckDB file, or Glue. */
import type { OperatedCatalog } from "@airlake/catalog-sync/operate";
import type { DatasetDefinition } from "@airlake/shared/contracts/dataset";
import { tablesOf } from "@airlake/shared/contracts/tables";
import { catalogFileOf } from "@airlake/shared/embedded/catalog-file";
import { createLogger } from "@airlake/shared/logger";
import { workerVersion } from "@airlake/shared/version";

import { type Asked, awsFault } from "../aws-fault.ts";
import { awsSettingsIn } from "../config.ts";
import type { OpenedLake } from "../opened-lake.ts";

export interface CatalogPartitions extends Disposable {
  /** Their paths, a page at a time. */
  list(dataset: DatasetDefinition): AsyncGenerator<readonly string[]>;
  /** Registers partitions, with their tables. */
  add(dataset: DatasetDefinition, paths: readonly string[]): Promise<void>;
  /** Takes partitions out of the catalog; objects stay. */
  drop(dataset: DatasetDefinition, paths: readonly string[]): Promise<void>;
}

/** Opens the catalog of a lake. Nothing is made where there is none. */
export async function openCatalogPartitions(opened: OpenedLake): Promise<CatalogPartitions> {
  const catalog = await openCatalog(opened);
  const tableOf = (dataset: DatasetDefinition) => {
    const tables = tablesOf(dataset, opened.topology.buckets);
    const [table] = tables;
    if (table === undefined) throw new Error(`the dataset ${dataset.name} has no table`);
    return { table, tables };
  };
  return {
    list: (dataset) => catalog.list(tableOf(dataset).table),
    async add(dataset, paths) {
      const { table, tables } = tableOf(dataset);
      await catalog.ensureTables(tables);
      await catalog.ensurePartitions(table, paths);
    },
    drop: async (dataset, paths) => catalog.drop(tableOf(dataset).table, paths),
    [Symbol.dispose]: () => catalog[Symbol.dispose](),
  };
}

async function openCatalog({ lake, shown, clock }: OpenedLake): Promise<OperatedCatalog> {
  // Loaded when it is needed, as the services are.
  const { openCatalogFile, openGlue } = await import("@airlake/catalog-sync/operate");
  if (lake !== undefined) return openCatalogFile(catalogFileOf(lake.folder), clock);
  const log = createLogger("reconcile", { level: "silent", version: workerVersion() });
  const endpoint = awsSettingsIn().endpoints.glue;
  return explaining(openGlue(endpoint, log, clock), { shown, endpoint, name: "The catalog" });
}

/** The same, with Glue's faults told as sentences. */
function explaining(catalog: OperatedCatalog, asked: Asked): OperatedCatalog {
  const told = async <T>(call: Promise<T>): Promise<T> =>
    call.catch((error: unknown) => {
      throw awsFault(error, asked) ?? error;
    });
  return {
    ensureTables: async (...args) => told(catalog.ensureTables(...args)),
    ensurePartitions: async (...args) => told(catalog.ensurePartitions(...args)),
    drop: async (...args) => told(catalog.drop(...args)),
    async *list(...args) {
      const pages = catalog.list(...args);
      for (let page = await told(pages.next()); page.done !== true; page = await told(pages.next())) yield page.value;
    },
    [Symbol.dispose]: () => catalog[Symbol.dispose](),
  };
}
