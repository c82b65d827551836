/** Composes catalog-sync from its settings and clients. */
import { GlueClient } from "@aws-sdk/client-glue";

import { at, endpointsOf } from "@airlake/shared/clients";
import type { Clients } from "@airlake/shared/clients";
import { loadDatasets } from "@airlake/shared/load-dataset";
import { startConsuming } from "@airlake/shared/worker/start-consuming";

import type { Catalog } from "./catalog.ts";
import type { CatalogSyncConfig } from "./config.ts";
import { createDuckDbCatalog } from "./duckdb-catalog.ts";
import { createGlueCatalog } from "./glue-catalog.ts";
import { createHandle } from "./handle.ts";

/** Starts catalog-sync. Disposing drains it. */
export async function start(config: CatalogSyncConfig, clients: Clients): Promise<AsyncDisposable> {
  await using closing = new AsyncDisposableStack();
  const datasets = await loadDatasets(config.DATASETS_FOLDER);
  const buckets = { silver: config.SILVER_BUCKET, gold: config.GOLD_BUCKET, ops: config.OPS_BUCKET };
  const handle = createHandle({ catalog: openCatalog(config, clients, closing), datasets, buckets });
  closing.use(await startConsuming(config, clients, { name: "catalog-sync", concurrency: config.CONCURRENCY, handle }));
  return closing.move();
}

function openCatalog(config: CatalogSyncConfig, clients: Clients, closing: AsyncDisposableStack): Catalog {
  if (config.CATALOG_FILE !== undefined)
    return createDuckDbCatalog({ file: config.CATALOG_FILE, clock: clients.clock });
  const glue = closing.adopt(new GlueClient(at(endpointsOf(config).glue)), (client) => client.destroy());
  return createGlueCatalog({ glue, log: clients.log, clock: clients.clock });
}
