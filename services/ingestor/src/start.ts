/** Composes the ingestor from its settings and clients. */
import { lookup } from "node:dns";
import { mkdir } from "node:fs/promises";
import { endpointsOf } from "@airlake/shared/clients";
import type { Clients } from "@airlake/shared/clients";
import { loadDatasets } from "@airlake/shared/load-dataset";
import { workerVersion } from "@airlake/shared/version";
import { createScratchFolders } from "@airlake/shared/worker/scratch-folders";
import { startConsuming } from "@airlake/shared/worker/start-consuming";
import { bringObject } from "./bring-object.ts";
import type { IngestorConfig } from "./config.ts";
import { createSourceS3, openS3 } from "./fetch-s3.ts";
import { openUrl } from "./fetch-url.ts";
import { createHandle } from "./handle.ts";
import type { Address } from "./parse.ts";
import { isPrivateAddress } from "./private-addresses.ts";
import type { Open } from "./source-body.ts";

/** Starts the ingestor. Disposing drains it. */
export async function start(config: IngestorConfig, clients: Clients): Promise<AsyncDisposable> {
  await using closing = new AsyncDisposableStack();
  await mkdir(config.SCRATCH_FOLDER, { recursive: true });
  const datasets = await loadDatasets(config.DATASETS_FOLDER);
  // Sources are read from where the lake's S3 is, unless said otherwise: an emulated lake calls no real AWS by itself.
  const endpoint = config.SOURCE_S3_ENDPOINT_URL ?? endpointsOf(config).s3;
  const sourceS3 = closing.use(createSourceS3({ region: config.AWS_REGION ?? "us-east-1", endpoint }));
  const urlSettings = {
    resolve: lookup,
    mayReach: (address: string) => config.ALLOW_PRIVATE_ADDRESSES === "true" || !isPrivateAddress(address),
    userAgent: `airlake/${workerVersion()}`,
  };
  const isLakeOnAws = config.LAKE_FOLDER === undefined;
  const open = (from: Address): Open =>
    from.kind === "s3"
      ? openS3(sourceS3.clientFor(from.unsigned), from, { isLakeOnAws })
      : openUrl(urlSettings, from.url);
  const limits = {
    maxBytes: config.MAX_OBJECT_BYTES,
    idleMs: config.IDLE_TIMEOUT_SECONDS * 1000,
    totalMs: config.DOWNLOAD_TIMEOUT_SECONDS * 1000,
  };
  const scratch = closing.use(createScratchFolders(config.SCRATCH_FOLDER, "ingestor"));
  const bringDeps = { s3: clients.s3, clock: clients.clock, open, limits, scratch };
  const handle = createHandle({
    rawBucket: config.RAW_BUCKET,
    knowsDataset: (name) => datasets.has(name),
    bring: async (request, hand) => bringObject(bringDeps, request, hand),
  });
  closing.use(await startConsuming(config, clients, { name: "ingestor", concurrency: config.CONCURRENCY, handle }));
  return closing.move();
}
