/** The whole cleaner: events on its queue, objects in raw, an embedded lake. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { expect, test, vi } from "vitest";

import { failureRecordSchema } from "@airlake/shared/contracts/failure";
import { manifestKey, sourceIdOf } from "@airlake/shared/contracts/keys";
import { type Manifest, manifestSchema } from "@airlake/shared/contracts/manifest";
import { type TestLake, createTestLake } from "@airlake/shared/testing/embedded-lake";
import { stamped } from "@airlake/shared/worker/replay-attributes";

import { loadConfig } from "../src/config.ts";
import { start } from "../src/start.ts";

const datasets = fileURLToPath(new URL("../../../datasets", import.meta.url));
const table = [
  "location,city,country,utc,local,parameter,value,unit,latitude,longitude,attribution",
  "Gent,Gent,BE,2018-02-06T05:00:00Z,2018-02-06T06:00:00+01:00,pm25,5,µg/m³,51.05,3.72,",
  "Gent,Gent,BE,2018-02-06T06:00:00Z,2018-02-06T07:00:00+01:00,pm25,-999,µg/m³,51.05,3.72,",
  "",
].join("\n");

interface Fixture {
  readonly lake: TestLake;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly nextQueueUrl: string;
  put(key: string, body?: string | Buffer): Promise<void>;
  manifest(key: string): Promise<Manifest>;
  acknowledged(): Promise<void>;
}

async function fixture(
  closing: AsyncDisposableStack,
  settings: Readonly<Record<string, string>> = {},
): Promise<Fixture> {
  const lake = closing.use(await createTestLake());
  const queueUrl = await lake.queue("clean");
  const deadLetterQueueUrl = await lake.queue("clean-dlq");
  const nextQueueUrl = await lake.queue("join");
  const env = {
    QUEUE: "clean",
    DEAD_LETTER_QUEUE: "clean-dlq",
    NEXT_QUEUE: "join",
    RAW_BUCKET: "raw",
    SILVER_BUCKET: "silver",
    OPS_BUCKET: "ops",
    DATASETS_FOLDER: datasets,
    LAKE_FOLDER: lake.folder,
    SCRATCH_FOLDER: join(lake.folder, "scratch"),
    DUCKDB_MEMORY_MB: "256",
    ...settings,
  };
  closing.use(await start(loadConfig(env), lake.clients));
  return {
    lake,
    queueUrl,
    deadLetterQueueUrl,
    nextQueueUrl,
    put: async (key, body = table) =>
      void (await lake.s3.send(new PutObjectCommand({ Bucket: "raw", Key: key, Body: body }))),
    async manifest(key) {
      const Key = manifestKey("cleaner", "openaq", sourceIdOf({ bucket: "raw", key }));
      const got = await lake.s3.send(new GetObjectCommand({ Bucket: "ops", Key }));
      return manifestSchema.parse(JSON.parse((await got.Body?.transformToString()) ?? ""));
    },
    acknowledged: async () => vi.waitFor(async () => expect(await lake.depth(queueUrl)).toBe(0), { timeout: 10_000 }),
  };
}

const record = (key: string, bucket = "raw"): object => ({
  eventSource: "aws:s3",
  eventName: "ObjectCreated:Put",
  s3: { bucket: { name: bucket }, object: { key } },
});

test("cleans the source that an event names, and tells the joiner", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, nextQueueUrl, put, manifest, acknowledged } = await fixture(closing);
  await put("openaq/day one+two=3.csv");

  await lake.send(queueUrl, { Records: [record("openaq/day+one%2Btwo%3D3.csv")] });
  await acknowledged();

  const found = await manifest("openaq/day one+two=3.csv");
  expect(found).toMatchObject({
    state: "current",
    generation: 1,
    format: "openaq-legacy-csv",
    rulePack: 1,
    pending: [],
    debris: [],
  });
  expect(found.counts).toEqual({ read: 2, kept: 1, quarantined: 1, reasons: { "sentinel-value": 1 }, flags: {} });
  expect(found.outputs.map((part) => [part.role, part.rows])).toEqual([
    ["clean", 1],
    ["quarantine", 1],
  ]);
  const [told] = await lake.take(nextQueueUrl);
  expect(JSON.parse(told?.body ?? "")).toEqual({
    contract: "clean-ready/1",
    source: { bucket: "raw", key: "openaq/day one+two=3.csv" },
    correlationId: found.correlationId,
  });
});

test("sends each record of an event with several as a message of its own", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, put, manifest, acknowledged } = await fixture(closing);
  await put("openaq/a.csv");
  await put("openaq/b.csv");

  await lake.send(queueUrl, { Records: [record("openaq/a.csv"), record("openaq/b.csv")] });
  await vi.waitFor(async () => expect((await manifest("openaq/b.csv")).state).toBe("current"), { timeout: 10_000 });
  await acknowledged();

  expect((await manifest("openaq/a.csv")).state).toBe("current");
});

test.each([
  ["S3's test event", { Service: "Amazon S3", Event: "s3:TestEvent" }, "s3-test-event"],
  ["an event of another bucket", { Records: [record("openaq/a.csv", "elsewhere")] }, "foreign-bucket"],
  ["a removed key outside every dataset", { Records: [record("nobody/a.csv")] }, "unknown-dataset-and-gone"],
  ["a source that never was", { Records: [record("openaq/never.csv")] }, "never-seen-and-gone"],
])("skips %s", async (_name, body, reason) => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, deadLetterQueueUrl, acknowledged } = await fixture(closing);

  await lake.send(queueUrl, body);
  await acknowledged();

  expect(lake.lines).toContainEqual(expect.objectContaining({ msg: "message settled", outcome: "skipped", reason }));
  expect(await lake.depth(deadLetterQueueUrl)).toBe(0);
});

test("takes a source that is as large as it may be, and keeps its rows where a new version is larger", async () => {
  await using closing = new AsyncDisposableStack();
  const settings = { MAX_INFLATED_BYTES: String(Buffer.byteLength(table)) };
  const { lake, queueUrl, deadLetterQueueUrl, put, manifest, acknowledged } = await fixture(closing, settings);
  await put("openaq/a.csv");
  await lake.send(queueUrl, { Records: [record("openaq/a.csv")] });
  await acknowledged();
  const good = await manifest("openaq/a.csv");

  await put("openaq/a.csv", gzipSync(`${table}\n`));
  await lake.send(queueUrl, { Records: [record("openaq/a.csv")] });
  await acknowledged();

  const { counts, outputs } = good;
  expect(counts).toMatchObject({ read: 2 });
  expect(await manifest("openaq/a.csv")).toMatchObject({ state: "rejected", stale: true, counts, outputs });
  const [parked] = await lake.take(deadLetterQueueUrl);
  expect(parked?.attributes["reason"]).toBe("inflated-too-large");
});

test("finishes what a newer version has begun, though it does not know all that was noted", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, deadLetterQueueUrl, put, manifest, acknowledged } = await fixture(closing);
  await put("openaq/a.csv", "no measurements");
  await lake.send(queueUrl, { Records: [record("openaq/a.csv")] });
  await acknowledged();
  const left = await manifest("openaq/a.csv");
  const newer = { ...left, rejection: { ...left.rejection, parked: false, replayIds: ["r"] }, seal: "x" };
  const Key = manifestKey("cleaner", "openaq", left.sourceId);
  await lake.s3.send(new PutObjectCommand({ Bucket: "ops", Key, Body: JSON.stringify(newer) }));

  await lake.send(queueUrl, { Records: [record("openaq/a.csv")] });
  await acknowledged();

  const { rejection, ...found } = await manifest("openaq/a.csv");
  expect(lake.lines.filter(({ msg }) => msg === "message failed")).toEqual([]);
  expect(await lake.depth(deadLetterQueueUrl)).toBe(2);
  // It was rejected anew, and a commit tells what its own version knows.
  expect([rejection?.parked, Object.keys(found)]).toEqual([true, expect.not.arrayContaining(["seal"])]);
});

test.each([["no JSON at all"], ['{"contract":"source-changed/2"}'], ['{"Records":[{"eventSource":"aws:other"}]}']])(
  "parks a message that it cannot read: %s",
  async (body) => {
    await using closing = new AsyncDisposableStack();
    const { lake, queueUrl, deadLetterQueueUrl, acknowledged } = await fixture(closing);

    await lake.send(queueUrl, body);
    await acknowledged();

    const [parked] = await lake.take(deadLetterQueueUrl);
    expect(parked).toMatchObject({ body, attributes: { reason: "unreadable-message" } });
  },
);

test("tries again for a replay what it has rejected, also where an event names several, and once for each replay", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, deadLetterQueueUrl, put, manifest, acknowledged } = await fixture(closing);
  const keys = ["openaq/one.csv", "openaq/two.csv"];
  for (const key of keys) await put(key, "Dear sir,\nthis is a letter.\n");
  const MessageBody = JSON.stringify({ Records: keys.map((key) => record(key)) });
  const send = async (replay?: string): Promise<void> => {
    const MessageAttributes = replay === undefined ? {} : stamped({ id: replay, count: 1, by: "ann@desk" });
    await lake.sqs.send(
      new SendMessageCommand({ QueueUrl: queueUrl, MessageBody, MessageAttributes: { ...MessageAttributes } }),
    );
    await acknowledged();
  };

  const generations: (readonly number[])[] = [];
  for (const replay of [undefined, undefined, "r1", "r1", "r2"]) {
    await send(replay);
    generations.push(await Promise.all(keys.map(async (key) => (await manifest(key)).generation)));
  }

  expect(generations).toEqual([1, 1, 2, 2, 3].map((generation) => [generation, generation]));
  const parked = await lake.take(deadLetterQueueUrl);
  expect(parked.map(({ attributes }) => attributes["replay.id"] ?? "none").toSorted()).toEqual([
    "none",
    "none",
    "r1",
    "r1",
    "r2",
    "r2",
  ]);
});

test("leaves a failure record with the source, its identity and its first bytes when it rejects one", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, deadLetterQueueUrl, put, manifest, acknowledged } = await fixture(closing);
  await put("openaq/letter.csv", "Dear sir,\nthis is a letter.\n");

  await lake.send(queueUrl, { Records: [record("openaq/letter.csv")] });
  await acknowledged();

  const [parked] = await lake.take(deadLetterQueueUrl);
  const got = await lake.s3.send(new GetObjectCommand({ Bucket: "ops", Key: parked?.attributes["failureKey"] }));
  const failure = failureRecordSchema.parse(JSON.parse((await got.Body?.transformToString()) ?? ""));
  const found = await manifest("openaq/letter.csv");
  expect(failure).toMatchObject({
    reason: "unrecognised-format",
    source: { bucket: "raw", key: "openaq/letter.csv" },
    identity: found.input?.identity,
    attempt: found.attempt,
  });
  expect(failure.firstBytes).toContain("Dear sir");
  const { KeyCount: parts } = await lake.s3.send(new ListObjectsV2Command({ Bucket: "silver" }));
  expect(parts).toBe(0);
});
