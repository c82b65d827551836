/** Composes the joiner from its settings and clients. */
import { mkdir } from "node:fs/promises";
import { queueUrlOf } from "@airlake/shared/clients";
import type { Clients } from "@airlake/shared/clients";
import { openEngines } from "@airlake/shared/duckdb";
import { loadDatasets } from "@airlake/shared/load-dataset";
import { align } from "@airlake/shared/stage/align";
import { createManifestStore } from "@airlake/shared/stage/manifest-store";
import { workerVersion } from "@airlake/shared/version";
import { createScratchFolders } from "@airlake/shared/worker/scratch-folders";
import { startConsuming } from "@airlake/shared/worker/start-consuming";
import type { JoinerConfig } from "./config.ts";
import { createHandle } from "./handle.ts";
import { createJoinStage } from "./join-stage.ts";
import { createReferences, publishCountries } from "./references.ts";

/** Starts the joiner. Disposing drains it. */
export async function start(config: JoinerConfig, clients: Clients): Promise<AsyncDisposable> {
  await using closing = new AsyncDisposableStack();
  await mkdir(config.SCRATCH_FOLDER, { recursive: true });
  const datasets = await loadDatasets(config.DATASETS_FOLDER);
  const engines = closing.use(
    await openEngines({
      threads: config.DUCKDB_THREADS,
      memoryLimitMb: config.DUCKDB_MEMORY_MB,
      scratch: config.SCRATCH_FOLDER,
    }),
  );
  await publishCountries(
    { clients, duckdb: engines.small },
    { goldBucket: config.GOLD_BUCKET, scratchFolder: config.SCRATCH_FOLDER },
  );
  const manifests = createManifestStore(clients.s3, config.OPS_BUCKET);
  const nextQueueUrl = await queueUrlOf(clients.sqs, config.NEXT_QUEUE);
  const upstream = { manifests, silverBucket: config.SILVER_BUCKET, nextQueueUrl };
  const stage = createJoinStage({ clients, engines, datasets, references: createReferences(), upstream });
  const buckets = { silver: config.SILVER_BUCKET, gold: config.GOLD_BUCKET };
  const scratch = closing.use(createScratchFolders(config.SCRATCH_FOLDER, "joiner"));
  const settings = { buckets, scratch, workerVersion: workerVersion() };
  const alignDeps = { stage, s3: clients.s3, manifests, clock: clients.clock, settings };
  const handle = createHandle({
    knowsDataset: (name) => datasets.has(name),
    align: async (target, hand) => align(alignDeps, target, hand),
  });
  closing.use(await startConsuming(config, clients, { name: "joiner", concurrency: config.CONCURRENCY, handle }));
  return closing.move();
}
