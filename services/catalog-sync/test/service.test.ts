/** The whole of catalog-sync: messages on its queue, a DuckDB catalog in a file. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { DuckDBInstance } from "@duckdb/node-api";
import { expect, test, vi } from "vitest";

import { type TestLake, createTestLake } from "@airlake/shared/testing/embedded-lake";

import { loadConfig } from "../src/config.ts";
import { start } from "../src/start.ts";

const datasets = fileURLToPath(new URL("../../../datasets", import.meta.url));
const source = { bucket: "raw", key: "openaq/day.csv" };
const changed = (partitions: readonly string[], dataset = "openaq"): object => ({
  contract: "partitions-changed/1",
  source,
  dataset,
  partitions,
  correlationId: "story",
});

interface Fixture {
  readonly lake: TestLake;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  partitions(): Promise<readonly string[]>;
  acknowledged(): Promise<void>;
}

async function fixture(closing: AsyncDisposableStack): Promise<Fixture> {
  const lake = closing.use(await createTestLake());
  const queueUrl = await lake.queue("catalog");
  const deadLetterQueueUrl = await lake.queue("catalog-dlq");
  const file = join(lake.folder, "catalog.duckdb");
  const env = {
    QUEUE: "catalog",
    DEAD_LETTER_QUEUE: "catalog-dlq",
    SILVER_BUCKET: "silver",
    GOLD_BUCKET: "gold",
    OPS_BUCKET: "ops",
    DATASETS_FOLDER: datasets,
    LAKE_FOLDER: lake.folder,
    SCRATCH_FOLDER: join(lake.folder, "scratch"),
    CATALOG: "duckdb",
    CATALOG_FILE: file,
  };
  closing.use(await start(loadConfig(env), lake.clients));
  return {
    lake,
    queueUrl,
    deadLetterQueueUrl,
    partitions: async () => registered(file),
    acknowledged: async () => vi.waitFor(async () => expect(await lake.depth(queueUrl)).toBe(0), { timeout: 10_000 }),
  };
}

async function registered(file: string): Promise<readonly string[]> {
  const instance = await DuckDBInstance.create(file, { access_mode: "READ_ONLY" });
  const connection = await instance.connect();
  try {
    const found = await connection.runAndReadAll("select table_name, partition from catalog.partitions order by all");
    return found.getRows().map((row) => row.join(" "));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

test("registers the partitions that a message names, each once", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, partitions, acknowledged } = await fixture(closing);

  await lake.send(queueUrl, changed(["country=BE/year=2018/month=02", "country=NL/year=2018/month=02"]));
  await lake.send(queueUrl, changed(["country=BE/year=2018/month=02"]));
  await acknowledged();

  expect(await partitions()).toEqual([
    "measurements country=BE/year=2018/month=02",
    "measurements country=NL/year=2018/month=02",
  ]);
});

test("makes the tables of a dataset also when no partition is named", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, partitions, acknowledged } = await fixture(closing);

  await lake.send(queueUrl, changed([]));
  await acknowledged();

  expect(await partitions()).toEqual([]);
});

test.each([
  ["a dataset that it does not have", changed([], "nobody"), "unknown-dataset"],
  [
    "a message of another contract",
    { contract: "clean-ready/1", source, correlationId: "story" },
    "unreadable-message",
  ],
])("parks %s", async (_name, body, reason) => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, deadLetterQueueUrl, acknowledged } = await fixture(closing);

  await lake.send(queueUrl, body);
  await acknowledged();

  expect((await lake.take(deadLetterQueueUrl))[0]?.attributes["reason"]).toBe(reason);
});

test("leaves a message on the queue whose partitions do not fit the table", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl } = await fixture(closing);

  await lake.send(queueUrl, changed(["place=BE"]));
  await vi.waitFor(() => expect(lake.lines.some((line) => line["msg"] === "message failed")).toBe(true), {
    timeout: 10_000,
  });

  expect(await lake.depth(queueUrl)).toBe(1);
});
