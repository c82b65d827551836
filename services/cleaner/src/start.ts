/** Composes the cleaner from its settings and clients. */
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
import { createCleanStage } from "./clean-stage.ts";
import { defaultLimits } from "./limits.ts";
import type { CleanerConfig } from "./config.ts";
import { createHandle } from "./handle.ts";
import { createRetractionFuse } from "./retraction-fuse.ts";

/** Starts the cleaner. Disposing drains it. */
export async function start(config: CleanerConfig, clients: Clients): Promise<AsyncDisposable> {
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
  const manifests = createManifestStore(clients.s3, config.OPS_BUCKET);
  const fuse = createRetractionFuse({
    clients,
    manifests,
    buckets: { raw: config.RAW_BUCKET, ops: config.OPS_BUCKET },
    settings: { sharePercent: config.FUSE_SHARE_PERCENT, minimum: config.FUSE_MINIMUM },
  });
  const stage = createCleanStage({
    clients,
    engines,
    datasets,
    fuse,
    limits: { ...defaultLimits, inflatedBytes: config.MAX_INFLATED_BYTES },
    names: { opsBucket: config.OPS_BUCKET, nextQueueUrl: await queueUrlOf(clients.sqs, config.NEXT_QUEUE) },
  });
  const buckets = { silver: config.SILVER_BUCKET, gold: "" };
  const scratch = closing.use(createScratchFolders(config.SCRATCH_FOLDER, "cleaner"));
  const settings = { buckets, scratch, workerVersion: workerVersion() };
  const alignDeps = { stage, s3: clients.s3, manifests, clock: clients.clock, settings };
  const handle = createHandle({
    clients,
    rawBucket: config.RAW_BUCKET,
    queueUrl: await queueUrlOf(clients.sqs, config.QUEUE),
    knowsDataset: (name) => datasets.has(name),
    align: async (target, hand) => align(alignDeps, target, hand),
  });
  const warnings = (): readonly string[] => fuse.warnings();
  closing.use(
    await startConsuming(config, clients, { name: "cleaner", concurrency: config.CONCURRENCY, handle, warnings }),
  );
  return closing.move();
}
