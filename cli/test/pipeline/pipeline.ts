/** The four services on a lake of their own, for tests of the whole pipeline. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { DuckDBInstance } from "@duckdb/node-api";
import { expect, vi } from "vitest";

import { loadConfig as loadCatalogSync } from "@airlake/catalog-sync/config";
import { start as startCatalogSync } from "@airlake/catalog-sync/start";
import { loadConfig as loadCleaner } from "@airlake/cleaner/config";
import { start as startCleaner } from "@airlake/cleaner/start";
import type { Clients } from "@airlake/shared/clients";
import { manifestKey, sourceIdOf } from "@airlake/shared/contracts/keys";
import type { StageName } from "@airlake/shared/contracts/keys";
import { type Manifest, manifestSchema } from "@airlake/shared/contracts/manifest";
import { type QueueRole, queueRoles, topologyOf } from "@airlake/shared/contracts/topology";
import { type TestLake, createTestLake } from "@airlake/shared/testing/embedded-lake";
import { loadConfig as loadJoiner } from "@airlake/joiner/config";
import { start as startJoiner } from "@airlake/joiner/start";

export const projectDatasets = fileURLToPath(new URL("../../../datasets", import.meta.url));

export interface Pipeline extends AsyncDisposable {
  readonly lake: TestLake;
  readonly queues: Readonly<Record<QueueRole, { readonly url: string; readonly deadLetterUrl: string }>>;
  put(key: string, body: string | Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  /** Waits until no queue holds anything. */
  quiet(): Promise<void>;
  manifest(stage: StageName, key: string): Promise<Manifest | undefined>;
  /** Rows of a query in which {gold}, {clean} and {quarantine} stand for the parts that manifests name. */
  rows(sql: string): Promise<readonly Record<string, unknown>[]>;
  /** Parts that lie in silver or gold and that no manifest names. */
  unnamed(): Promise<readonly string[]>;
  /** Sends the cleaner a pointer to a source. */
  look(key: string): Promise<void>;
  /** Starts one more of a service. */
  more(name: "cleaner" | "joiner" | "catalog-sync", clients?: Clients): Promise<AsyncDisposable>;
}

/** Starts everything on a new lake. */
export async function startPipeline(
  options: {
    readonly datasets?: string;
    readonly services?: boolean;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<Pipeline> {
  await using closing = new AsyncDisposableStack();
  const lake = closing.use(await createTestLake());
  const topology = topologyOf("");
  const queues = {} as Record<QueueRole, { url: string; deadLetterUrl: string }>;
  for (const role of queueRoles) {
    const { name, deadLetterName } = topology.queues[role];
    const deadLetterUrl = await lake.queue(deadLetterName);
    const { Attributes: found } = await lake.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: deadLetterUrl, AttributeNames: ["QueueArn"] }),
    );
    const redrive = JSON.stringify({ deadLetterTargetArn: found?.QueueArn, maxReceiveCount: 10 });
    queues[role] = { url: await lake.queue(name, { RedrivePolicy: redrive }), deadLetterUrl };
  }
  await notify(lake, queues.clean.url);

  const env = { ...settings(lake, options.datasets ?? projectDatasets), ...options.env };
  const more: Pipeline["more"] = async (name, clients = lake.clients) => {
    const names = { cleaner: "clean", joiner: "join", "catalog-sync": "catalog" } as const;
    const queue = topology.queues[names[name]];
    const own = { ...env, QUEUE: queue.name, DEAD_LETTER_QUEUE: queue.deadLetterName };
    if (name === "cleaner") return startCleaner(loadCleaner({ ...own, NEXT_QUEUE: "join" }), clients);
    if (name === "joiner") return startJoiner(loadJoiner({ ...own, NEXT_QUEUE: "catalog" }), clients);
    const file = join(lake.folder, "catalog.duckdb");
    return startCatalogSync(loadCatalogSync({ ...own, CATALOG: "duckdb", CATALOG_FILE: file }), clients);
  };
  if (options.services !== false) {
    for (const name of ["cleaner", "joiner", "catalog-sync"] as const) closing.use(await more(name));
  }

  const opened = closing.move();
  const pipeline: Pipeline = {
    lake,
    queues,
    more,
    put: async (key, body) => void (await lake.s3.send(new PutObjectCommand({ Bucket: "raw", Key: key, Body: body }))),
    remove: async (key) => void (await lake.s3.send(new DeleteObjectCommand({ Bucket: "raw", Key: key }))),
    look: async (key) =>
      lake.send(queues.clean.url, {
        contract: "source-changed/1",
        source: { bucket: "raw", key },
        correlationId: "look",
      }),
    quiet: async () => {
      const urls = queueRoles.map((role) => queues[role].url);
      await vi.waitFor(() => expect(lake.sqs.isQuiet(urls)).toBe(true), { timeout: 50_000, interval: 20 });
    },
    manifest: async (stage, key) => readManifest(lake, stage, key),
    rows: async (sql) => query(lake, sql),
    unnamed: async () => unnamedParts(lake),
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
  return pipeline;
}

async function notify(lake: TestLake, queueUrl: string): Promise<void> {
  const { Attributes: found } = await lake.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ["QueueArn"] }),
  );
  await lake.s3.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket: "raw",
      NotificationConfiguration: {
        QueueConfigurations: [{ QueueArn: found?.QueueArn, Events: ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"] }],
      },
    }),
  );
}

function settings(lake: TestLake, datasets: string): Readonly<Record<string, string>> {
  return {
    RAW_BUCKET: "raw",
    SILVER_BUCKET: "silver",
    GOLD_BUCKET: "gold",
    OPS_BUCKET: "ops",
    LAKE_FOLDER: lake.folder,
    SCRATCH_FOLDER: join(lake.folder, "scratch"),
    DATASETS_FOLDER: datasets,
    DUCKDB_MEMORY_MB: "256",
    VISIBILITY_TIMEOUT_SECONDS: "30",
    DRAIN_TIMEOUT_SECONDS: "5",
  };
}

async function readManifest(lake: TestLake, stage: StageName, key: string): Promise<Manifest | undefined> {
  const dataset = key.slice(0, key.indexOf("/"));
  const Key = manifestKey(stage, dataset, sourceIdOf({ bucket: "raw", key }));
  try {
    const got = await lake.s3.send(new GetObjectCommand({ Bucket: "ops", Key }));
    return manifestSchema.parse(JSON.parse((await got.Body?.transformToString()) ?? ""));
  } catch (error) {
    if (error instanceof Error && error.name === "NoSuchKey") return undefined;
    throw error;
  }
}

async function manifests(lake: TestLake): Promise<readonly Manifest[]> {
  const { Contents: found = [] } = await lake.s3.send(
    new ListObjectsV2Command({ Bucket: "ops", Prefix: "manifests/" }),
  );
  return Promise.all(
    found.map(async ({ Key }) => {
      const got = await lake.s3.send(new GetObjectCommand({ Bucket: "ops", Key }));
      return manifestSchema.parse(JSON.parse((await got.Body?.transformToString()) ?? ""));
    }),
  );
}

async function query(lake: TestLake, sql: string): Promise<readonly Record<string, unknown>[]> {
  const parts = (await manifests(lake)).flatMap((manifest) => manifest.outputs);
  const relation = (role: string): string => {
    const files = parts
      .filter((part) => part.role === role)
      .map((part) => `'${lake.folder}/${part.bucket}/${part.key}'`);
    if (files.length === 0) throw new Error(`no ${role} part in the lake`);
    return `read_parquet([${files.join(", ")}], hive_partitioning = true, hive_types_autocast = false)`;
  };
  const text = sql.replaceAll(/\{(gold|clean|quarantine)\}/g, (_all, role: string) => relation(role));
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    return (await connection.runAndReadAll(text)).getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function unnamedParts(lake: TestLake): Promise<readonly string[]> {
  const named = new Set(
    (await manifests(lake)).flatMap((manifest) => manifest.outputs.map((part) => `${part.bucket}/${part.key}`)),
  );
  const found: string[] = [];
  for (const bucket of ["silver", "gold"]) {
    await mkdir(join(lake.folder, bucket), { recursive: true });
    const entries = await readdir(join(lake.folder, bucket), { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name).slice(lake.folder.length + 1);
      if (!named.has(path) && !path.startsWith("gold/reference/")) found.push(path);
    }
  }
  return found;
}

/** Removes a folder that a test made. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
