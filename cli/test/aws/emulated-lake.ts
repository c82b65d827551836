/** A lake on LocalStack, its services in the test's own process, and the environment that a person would set to reach it. */
import { createServer } from "node:net";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Clients, openAws } from "@airlake/shared/clients";
import { systemClock } from "@airlake/shared/clock";
import { type QueueRole, type Topology, topologyOf } from "@airlake/shared/contracts/topology";
import { createLogger } from "@airlake/shared/logger";
import { startLocalStack } from "@airlake/shared/testing/containers";
import { start as startCatalogSync } from "@airlake/catalog-sync/start";
import { start as startCleaner } from "@airlake/cleaner/start";
import { start as startIngestor } from "@airlake/ingestor/start";
import { start as startJoiner } from "@airlake/joiner/start";

import { datasetsFolder } from "../../src/embedded.ts";
import { setUp } from "../../src/set-up.ts";

export interface EmulatedLake extends AsyncDisposable {
  /** What `--lake` is given. */
  readonly shown: string;
  readonly topology: Topology;
  readonly s3: Clients["s3"];
  readonly sqs: Clients["sqs"];
  /** Starts a service; it answers for its health on a port of its own. */
  start(role: QueueRole): Promise<{ readonly port: number } & AsyncDisposable>;
}

/** An emulator with the variables that lead to it, in this process's environment until it is disposed of. */
export interface Emulated extends AsyncDisposable {
  readonly endpoint: string;
  newLake(prefix: string): Promise<EmulatedLake>;
}

export async function startEmulated(): Promise<Emulated> {
  await using closing = new AsyncDisposableStack();
  const emulator = closing.use(await startLocalStack());
  const folder = closing.adopt(await mkdtemp(join(tmpdir(), "airlake-emulated-")), async (path) =>
    rm(path, { recursive: true, force: true }),
  );
  const env = {
    AWS_ENDPOINT_URL: emulator.endpoint,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
  };
  const before = Object.fromEntries(Object.keys(env).map((name) => [name, process.env[name]]));
  Object.assign(process.env, env);
  closing.defer(() => {
    for (const [name, value] of Object.entries(before))
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  });
  const held = closing.move();
  return {
    endpoint: emulator.endpoint,
    newLake: async (prefix) => newLake(prefix, { endpoint: emulator.endpoint, folder }),
    [Symbol.asyncDispose]: async () => held.disposeAsync(),
  };
}

async function newLake(
  prefix: string,
  { endpoint, folder }: { readonly endpoint: string; readonly folder: string },
): Promise<EmulatedLake> {
  const topology = topologyOf(prefix);
  const { s3, sqs, ...aws } = openAws({ s3: endpoint, sqs: endpoint, glue: undefined });
  await setUp({ s3, sqs }, topology);
  const log = createLogger("emulated", { level: "silent", version: "" });
  const clients: Clients = { s3, sqs, log, clock: systemClock };
  return {
    shown: `aws:${prefix}`,
    topology,
    s3,
    sqs,
    start: async (role) => {
      const port = await freePort();
      const settings = { ...settingsFor(role, topology), PORT: port, SCRATCH_FOLDER: join(folder, prefix, role) };
      const service = await starters[role](settings, clients, join(folder, `${prefix}.duckdb`));
      return { port, [Symbol.asyncDispose]: async () => service[Symbol.asyncDispose]() };
    },
    [Symbol.asyncDispose]: aws[Symbol.asyncDispose],
  };
}

function settingsFor(role: QueueRole, { buckets, queues }: Topology) {
  return {
    QUEUE: queues[role].name,
    DEAD_LETTER_QUEUE: queues[role].deadLetterName,
    RAW_BUCKET: buckets.raw,
    SILVER_BUCKET: buckets.silver,
    GOLD_BUCKET: buckets.gold,
    OPS_BUCKET: buckets.ops,
    DATASETS_FOLDER: datasetsFolder(),
    HOST: "127.0.0.1",
    VISIBILITY_TIMEOUT_SECONDS: 30,
    ATTEMPT_DEADLINE_SECONDS: 600,
    DRAIN_TIMEOUT_SECONDS: 10,
    WAIT_TIME_SECONDS: 1,
    LOG_LEVEL: "silent" as const,
    CONCURRENCY: 4,
    DUCKDB_THREADS: 2,
    DUCKDB_MEMORY_MB: 512,
  };
}

/** Tests take out as much as they like. */
const noFuse = { FUSE_SHARE_PERCENT: 100, FUSE_MINIMUM: 1_000_000 };

type Settings = ReturnType<typeof settingsFor> & { readonly PORT: number; readonly SCRATCH_FOLDER: string };

const starters: Readonly<
  Record<QueueRole, (settings: Settings, clients: Clients, catalogFile: string) => Promise<AsyncDisposable>>
> = {
  ingest: async (settings, clients) =>
    startIngestor(
      {
        ...settings,
        MAX_OBJECT_BYTES: 1_000_000_000,
        IDLE_TIMEOUT_SECONDS: 60,
        DOWNLOAD_TIMEOUT_SECONDS: 600,
        ALLOW_PRIVATE_ADDRESSES: "true",
      },
      clients,
    ),
  clean: async (settings, clients) =>
    startCleaner(
      {
        ...settings,
        ...noFuse,
        NEXT_QUEUE: settings.QUEUE.replace(/clean$/, "join"),
        MAX_INFLATED_BYTES: 1e9,
        ...noFuse,
      },
      clients,
    ),
  join: async (settings, clients) =>
    startJoiner({ ...settings, NEXT_QUEUE: settings.QUEUE.replace(/join$/, "catalog") }, clients),
  catalog: async (settings, clients, catalogFile) =>
    startCatalogSync({ ...settings, CATALOG: "duckdb", CATALOG_FILE: catalogFile, CONCURRENCY: 1 }, clients),
};

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
