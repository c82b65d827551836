/** One worker of each kind in this process, loaded when they are wanted: after a mutant has been made of them. */
import { join } from "node:path";

import type { Clients } from "@airlake/shared/clients";
import type { QueueRole } from "@airlake/shared/contracts/topology";
import { catalogFileOf } from "@airlake/shared/embedded/catalog-file";

import { type EmbeddedLake, datasetsFolder } from "../../src/embedded.ts";

/** More than there are messages that an aim can hold up at once. */
const messagesAtOnce = 64;

/** Starts them; `clientsOf` gives each its own. They are never stopped: some of them are meant to die. */
export async function startCrew(
  opened: EmbeddedLake,
  visibilitySeconds: number,
  clientsOf: (who: string) => Clients,
): Promise<void> {
  const { loadConfig: cleanerConfig } = await import("@airlake/cleaner/config");
  const { loadConfig: joinerConfig } = await import("@airlake/joiner/config");
  const { loadConfig: catalogConfig } = await import("@airlake/catalog-sync/config");
  const cleaner = await import("@airlake/cleaner/start");
  const joiner = await import("@airlake/joiner/start");
  const catalogSync = await import("@airlake/catalog-sync/start");
  const env = envOf(opened, visibilitySeconds);
  await Promise.all([
    cleaner.start(cleanerConfig(env("clean", "join")), clientsOf("cleaner")),
    joiner.start(joinerConfig(env("join", "catalog")), clientsOf("joiner")),
    catalogSync.start(catalogConfig(env("catalog", "catalog", 4)), clientsOf("catalog-sync")),
  ]);
}

function envOf({ lake, topology: { buckets, queues } }: EmbeddedLake, visibilitySeconds: number) {
  return (role: QueueRole, next: QueueRole, concurrency = messagesAtOnce): Readonly<Record<string, string>> => ({
    QUEUE: queues[role].name,
    DEAD_LETTER_QUEUE: queues[role].deadLetterName,
    NEXT_QUEUE: queues[next].name,
    RAW_BUCKET: buckets.raw,
    SILVER_BUCKET: buckets.silver,
    GOLD_BUCKET: buckets.gold,
    OPS_BUCKET: buckets.ops,
    LAKE_FOLDER: lake.folder,
    DATASETS_FOLDER: datasetsFolder(),
    CATALOG: "duckdb",
    CATALOG_FILE: catalogFileOf(lake.folder),
    SCRATCH_FOLDER: join(lake.folder, ".airlake", role),
    VISIBILITY_TIMEOUT_SECONDS: String(visibilitySeconds),
    WAIT_TIME_SECONDS: "1",
    CONCURRENCY: String(concurrency),
    DUCKDB_THREADS: "2",
    DUCKDB_MEMORY_MB: "256",
  });
}
