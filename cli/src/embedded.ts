/**
 * The embedded run: the lake's folder in place of buckets and queues, and the four services in this process.
 * Nothing listens on a port unless it is asked for, and nothing but the lake's folder is written.
 */
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Clients } from "@airlake/shared/clients";
import type { Clock } from "@airlake/shared/clock";
import { type QueueRole, queueRoles, topologyOf } from "@airlake/shared/contracts/topology";
import { catalogFileOf } from "@airlake/shared/embedded/catalog-file";
import { createEmbeddedObjects } from "@airlake/shared/embedded/objects";
import { createEmbeddedQueues } from "@airlake/shared/embedded/queues";
import { createLogger } from "@airlake/shared/logger";
import { workerVersion } from "@airlake/shared/version";

import { datasetsFolderIn, sourceEndpointIn } from "./config.ts";
import type { Lake } from "./lake.ts";
import type { OpenedLake } from "./opened-lake.ts";
import { setUp } from "./set-up.ts";
import type { Watch } from "./watch.ts";

/** A lake in a folder, with its buckets and queues, ready to be read and written. */
export interface EmbeddedLake extends OpenedLake {
  readonly lake: Lake;
  /** Nothing waits, is in hand or comes back later in the queues of these roles. */
  isQuiet(roles: readonly QueueRole[]): boolean;
}

/** Opens the lake's buckets and queues, and makes those that are missing. */
export async function openEmbedded(lake: Lake, clock: Clock): Promise<EmbeddedLake> {
  const topology = topologyOf("");
  await using closing = new AsyncDisposableStack();
  const sqs = closing.adopt(createEmbeddedQueues({ folder: lake.folder, clock }), (client) => client.destroy());
  const s3 = closing.adopt(createEmbeddedObjects({ folder: lake.folder, queues: sqs, clock }), (client) =>
    client.destroy(),
  );
  const queues = await setUp({ s3, sqs }, topology);
  const opened = closing.move();
  return {
    lake,
    shown: lake.shown,
    s3,
    sqs,
    clock,
    topology,
    queues,
    isQuiet: (roles) => sqs.isQuiet(roles.map((role) => queues[role].url)),
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}

/** The folder of dataset definitions: those that come with Airlake, unless the environment names another. */
export function datasetsFolder(): string {
  return datasetsFolderIn() ?? fileURLToPath(new URL("../../datasets", import.meta.url));
}

/** The stages from a raw object to a row that can be queried. */
export const pipelineRoles: readonly QueueRole[] = ["clean", "join", "catalog"];

/**
 * Seconds that a message stays hidden when its process was killed: so long a later run may have to wait for it.
 * Long enough for a heartbeat (each third of it) to come through a busy machine.
 */
const visibilitySeconds = 30;
/** Ctrl-C waits this long for what is in hand; then it is handed back. */
const drainSeconds = 15;

/** Starts the services of these queues, with the ports that are given. Disposing drains them. */
export async function startServices(
  opened: EmbeddedLake,
  watch: Watch,
  roles: readonly QueueRole[] = pipelineRoles,
  ports: Ports = {},
): Promise<AsyncDisposable> {
  await using closing = new AsyncDisposableStack();
  const services = new Map<QueueRole, AsyncDisposable>();
  closing.defer(async () => drain(opened, services));
  for (const role of queueRoles.filter((one) => roles.includes(one)))
    services.set(role, await starters[role](opened, watch, ports));
  return closing.move();
}

/** What is joined while the services drain should be seen by the next query. */
const catalogMs = 2000;

/** All at once: one after another, the last would go on taking messages until the others have drained. But the catalog, last. */
async function drain(opened: EmbeddedLake, services: ReadonlyMap<QueueRole, AsyncDisposable>): Promise<void> {
  const others = [...services].filter(([role]) => role !== "catalog");
  const ends = await Promise.allSettled(others.map(async ([, service]) => service[Symbol.asyncDispose]()));
  const deadlineMs = opened.clock.monotonicMs() + catalogMs;
  while (services.has("catalog") && !opened.isQuiet(["catalog"]) && opened.clock.monotonicMs() < deadlineMs)
    await opened.clock.sleep(25);
  await services.get("catalog")?.[Symbol.asyncDispose]();
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** The ports that services answer on for their health; a service without one opens none. */
export type Ports = Readonly<Partial<Record<QueueRole, number>>>;

type Start = (opened: EmbeddedLake, watch: Watch, ports: Ports) => Promise<AsyncDisposable>;

/** Loaded when they are needed: most verbs start nothing, and DuckDB takes its time. */
const starters: Readonly<Record<QueueRole, Start>> = {
  async ingest(opened, watch, ports) {
    const { start } = await import("@airlake/ingestor/start");
    const { raw: RAW_BUCKET } = opened.topology.buckets;
    const endpoint = sourceEndpointIn();
    return start(
      {
        ...settingsOf(opened, "ingest", ports),
        ...fetchSettings,
        RAW_BUCKET,
        DATASETS_FOLDER: datasetsFolder(),
        ...(endpoint === undefined ? {} : { SOURCE_S3_ENDPOINT_URL: endpoint }),
      },
      clientsOf(opened, watch, "ingestor"),
    );
  },
  async clean(opened, watch, ports) {
    const { start } = await import("@airlake/cleaner/start");
    const { raw: RAW_BUCKET, silver: SILVER_BUCKET } = opened.topology.buckets;
    return start(
      {
        ...settingsOf(opened, "clean", ports),
        ...engineSettings(),
        RAW_BUCKET,
        SILVER_BUCKET,
        NEXT_QUEUE: opened.topology.queues.join.name,
        DATASETS_FOLDER: datasetsFolder(),
        MAX_INFLATED_BYTES: 6_000_000_000,
        FUSE_SHARE_PERCENT: 20,
        FUSE_MINIMUM: 50,
      },
      clientsOf(opened, watch, "cleaner"),
    );
  },
  async join(opened, watch, ports) {
    const { start } = await import("@airlake/joiner/start");
    const { silver: SILVER_BUCKET, gold: GOLD_BUCKET } = opened.topology.buckets;
    return start(
      {
        ...settingsOf(opened, "join", ports),
        ...engineSettings(),
        SILVER_BUCKET,
        GOLD_BUCKET,
        NEXT_QUEUE: opened.topology.queues.catalog.name,
        DATASETS_FOLDER: datasetsFolder(),
      },
      clientsOf(opened, watch, "joiner"),
    );
  },
  async catalog(opened, watch, ports) {
    const { start } = await import("@airlake/catalog-sync/start");
    const { silver: SILVER_BUCKET, gold: GOLD_BUCKET } = opened.topology.buckets;
    return start(
      {
        ...settingsOf(opened, "catalog", ports),
        SILVER_BUCKET,
        GOLD_BUCKET,
        DATASETS_FOLDER: datasetsFolder(),
        CATALOG: "duckdb",
        CATALOG_FILE: catalogFileOf(opened.lake.folder),
        CONCURRENCY: 16,
      },
      clientsOf(opened, watch, "catalog-sync"),
    );
  },
};

/** What every service is set to. */
function settingsOf(opened: EmbeddedLake, role: QueueRole, ports: Ports) {
  const queue = opened.topology.queues[role];
  const port = ports[role];
  return {
    ...(port === undefined ? {} : { PORT: port }),
    QUEUE: queue.name,
    DEAD_LETTER_QUEUE: queue.deadLetterName,
    OPS_BUCKET: opened.topology.buckets.ops,
    HOST: "127.0.0.1",
    VISIBILITY_TIMEOUT_SECONDS: visibilitySeconds,
    ATTEMPT_DEADLINE_SECONDS: 7200,
    DRAIN_TIMEOUT_SECONDS: drainSeconds,
    WAIT_TIME_SECONDS: 20,
    SCRATCH_FOLDER: join(opened.lake.folder, ".airlake", "scratch"),
    LOG_LEVEL: "info" as const,
    LAKE_FOLDER: opened.lake.folder,
  };
}

/** On a person's own machine, an address on it or beside it is what they mean. */
const fetchSettings = {
  CONCURRENCY: 4,
  MAX_OBJECT_BYTES: 5_000_000_000,
  IDLE_TIMEOUT_SECONDS: 60,
  DOWNLOAD_TIMEOUT_SECONDS: 3600,
  ALLOW_PRIVATE_ADDRESSES: "true",
} as const;

/** The machine's cores, and a quarter of its memory for each of the two engines at most. */
function engineSettings() {
  const cores = availableParallelism();
  const quarterMb = Math.floor(totalmem() / 4 / 1024 / 1024);
  return {
    // As many small sources share a statement. Of large ones the services take few at once.
    CONCURRENCY: 32,
    DUCKDB_THREADS: cores,
    DUCKDB_MEMORY_MB: Math.max(256, Math.min(2048, quarterMb)),
  };
}

function clientsOf(opened: EmbeddedLake, watch: Watch, name: string): Clients {
  const log = createLogger(name, { level: "info", version: workerVersion(), sink: watch.sink });
  return { s3: opened.s3, sqs: watch.watched(opened.sqs), log, clock: opened.clock };
}
