/** The whole joiner: pointers on its queue, the cleaner's manifests and parts, an embedded lake. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { DuckDBInstance } from "@duckdb/node-api";
import { expect, test, vi } from "vitest";

import { manifestKey, sourceIdOf } from "@airlake/shared/contracts/keys";
import { type Manifest, manifestSchema } from "@airlake/shared/contracts/manifest";
import { type TestLake, createTestLake } from "@airlake/shared/testing/embedded-lake";

import { loadConfig } from "../src/config.ts";
import { start } from "../src/start.ts";

const datasets = fileURLToPath(new URL("../../../datasets", import.meta.url));
const source = { bucket: "raw", key: "openaq/day.csv" };
const sourceId = sourceIdOf(source);
const pointer = { contract: "clean-ready/1", source, correlationId: "story" };

interface Fixture {
  readonly lake: TestLake;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly nextQueueUrl: string;
  /** Puts a clean part with these rows (country, latitude, longitude, value) and a manifest that names it. */
  clean(generation: number, rows: readonly string[], changed?: Partial<Manifest>): Promise<void>;
  manifest(): Promise<Manifest>;
  acknowledged(): Promise<void>;
}

async function fixture(closing: AsyncDisposableStack): Promise<Fixture> {
  const lake = closing.use(await createTestLake());
  const queueUrl = await lake.queue("join");
  const deadLetterQueueUrl = await lake.queue("join-dlq");
  const nextQueueUrl = await lake.queue("catalog");
  const env = {
    QUEUE: "join",
    DEAD_LETTER_QUEUE: "join-dlq",
    NEXT_QUEUE: "catalog",
    SILVER_BUCKET: "silver",
    GOLD_BUCKET: "gold",
    OPS_BUCKET: "ops",
    DATASETS_FOLDER: datasets,
    LAKE_FOLDER: lake.folder,
    SCRATCH_FOLDER: join(lake.folder, "scratch"),
    DUCKDB_MEMORY_MB: "256",
  };
  closing.use(await start(loadConfig(env), lake.clients));
  return {
    lake,
    queueUrl,
    deadLetterQueueUrl,
    nextQueueUrl,
    clean: async (generation, rows, changed = {}) => putClean(lake, generation, rows, changed),
    async manifest() {
      const Key = manifestKey("joiner", "openaq", sourceId);
      const got = await lake.s3.send(new GetObjectCommand({ Bucket: "ops", Key }));
      return manifestSchema.parse(JSON.parse((await got.Body?.transformToString()) ?? ""));
    },
    acknowledged: async () => vi.waitFor(async () => expect(await lake.depth(queueUrl)).toBe(0), { timeout: 10_000 }),
  };
}

async function putClean(
  lake: TestLake,
  generation: number,
  rows: readonly string[],
  changed: Partial<Manifest>,
): Promise<void> {
  const key = `openaq/clean/${sourceId}.${generation}-test.parquet`;
  const file = join(lake.folder, `clean-${generation}.parquet`);
  await writeParquet(file, rows);
  await lake.s3.send(new PutObjectCommand({ Bucket: "silver", Key: key, Body: await readFile(file) }));
  const counts = { read: rows.length, kept: rows.length, quarantined: 0, reasons: {}, flags: {} };
  const part = { bucket: "silver" as const, key, rows: rows.length, bytes: 1, role: "clean" as const, partition: "" };
  const manifest: Manifest = {
    contract: "manifest/1",
    stage: "cleaner",
    dataset: "openaq",
    source,
    sourceId,
    generation,
    attempt: "test",
    state: "current",
    stale: false,
    input: { identity: `"${generation}"` },
    fingerprint: "f",
    rulePack: 1,
    format: "openaq-legacy-csv",
    referenceTime: null,
    counts,
    rejection: null,
    outputs: [part],
    pending: [],
    debris: [],
    versions: [],
    timings: {},
    committedAt: null,
    correlationId: "story",
    workerVersion: "test",
    ...changed,
  };
  const Key = manifestKey("cleaner", "openaq", sourceId);
  await lake.s3.send(new PutObjectCommand({ Bucket: "ops", Key, Body: JSON.stringify(manifest) }));
}

async function writeParquet(file: string, rows: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  await connection.run(`
    copy (
      select '${sourceId}' as source_id, row_number() over () as source_record, 'openaq-legacy-csv' as format, 'Place' as location,
        null::bigint as location_id, null::bigint as sensor_id, null::varchar as city, country_code, country_code as country_raw,
        'pm25' as parameter, 'µg/m³' as unit, value, timestamptz '2018-02-06 05:00:00+00' as utc, timestamp '2018-02-06 06:00:00' as local_time,
        60::int as utc_offset_minutes, date '2018-02-06' as local_date, null::int as averaging_seconds, latitude, longitude,
        null::varchar as source_name, null::varchar as source_type, null::boolean as mobile, null::varchar as attribution, []::varchar[] as flags
      from (values ${rows.join(", ")}) as rows(country_code, latitude, longitude, value)
    ) to '${file}' (format parquet)`);
  connection.closeSync();
  instance.closeSync();
}

const ghent = "('BE', 51.05::double, 3.72::double, 5::double)";

test("joins what the cleaner's manifest names, adds countries and flags, and tells catalog-sync of each partition", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, nextQueueUrl, clean, manifest, acknowledged } = await fixture(closing);
  await clean(1, [
    ghent,
    "('NA', -22.57, 17.08, 5)",
    "(NULL, 48.85, 2.35, 5)",
    "('CH', 39.9, 116.4, 5)",
    "('BE', NULL, NULL, 2000)",
    "('ZZ', NULL, NULL, 5)",
  ]);

  await lake.send(queueUrl, pointer);
  await acknowledged();

  const found = await manifest();
  expect(found.counts).toMatchObject({
    read: 6,
    kept: 6,
    flags: { "country-derived": 1, "coordinates-outside-country": 1, "above-limit": 1 },
  });
  expect(found.outputs.map((part) => [part.partition, part.rows])).toEqual([
    ["country=BE/year=2018/month=02", 2],
    ["country=CH/year=2018/month=02", 1],
    ["country=FR/year=2018/month=02", 1],
    ["country=NA/year=2018/month=02", 1],
    ["country=ZZ/year=2018/month=02", 1],
  ]);
  const [told] = await lake.take(nextQueueUrl);
  expect(JSON.parse(told?.body ?? "")).toMatchObject({
    contract: "partitions-changed/1",
    dataset: "openaq",
    correlationId: "story",
    partitions: found.outputs.map((part) => part.partition),
  });
});

test("names a vacated partition too, and deletes its part", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, nextQueueUrl, clean, manifest, acknowledged } = await fixture(closing);
  await clean(1, [ghent]);
  await lake.send(queueUrl, pointer);
  await acknowledged();
  const [old] = (await manifest()).outputs;
  await lake.take(nextQueueUrl);

  await clean(2, ["('NL', 52.37, 4.89, 5)"]);
  await lake.send(queueUrl, pointer);
  await acknowledged();

  const told = await lake.take(nextQueueUrl);
  expect(told.flatMap((message) => JSON.parse(message.body).partitions)).toEqual(
    expect.arrayContaining(["country=BE/year=2018/month=02", "country=NL/year=2018/month=02"]),
  );
  await expect(lake.s3.send(new HeadObjectCommand({ Bucket: "gold", Key: old?.key }))).rejects.toThrow();
});

test("waits for the cleaner's next manifest when the part that is named is gone, and keeps what it has", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, clean, manifest } = await fixture(closing);
  await clean(1, [ghent]);
  await lake.send(queueUrl, pointer);
  await vi.waitFor(async () => expect((await manifest()).generation).toBe(1), { timeout: 10_000 });
  const missing = {
    bucket: "silver" as const,
    key: "openaq/clean/gone.parquet",
    rows: 1,
    bytes: 1,
    role: "clean" as const,
    partition: "",
  };
  await clean(2, [ghent], { outputs: [missing] });

  await lake.send(queueUrl, pointer);
  await vi.waitFor(() => expect(lake.lines.some((line) => line["msg"] === "message failed")).toBe(true), {
    timeout: 20_000,
  });

  expect((await manifest()).generation).toBe(1);
  expect(await lake.depth(queueUrl)).toBe(1);
});

test("takes everything out when the cleaner has retracted the source", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, clean, manifest, acknowledged } = await fixture(closing);
  await clean(1, [ghent]);
  await lake.send(queueUrl, pointer);
  await acknowledged();

  await clean(2, [ghent], { state: "retracted", counts: null, outputs: [] });
  await lake.send(queueUrl, pointer);
  await acknowledged();

  expect(await manifest()).toMatchObject({ state: "retracted", outputs: [], debris: [], counts: null });
});

test("follows another commit of the cleaner that has the number of one it has followed: the manifest was lost and made anew", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, clean, manifest, acknowledged } = await fixture(closing);
  await clean(1, [ghent]);
  await lake.send(queueUrl, pointer);
  await acknowledged();

  await clean(1, ["('NL', 52.37, 4.89, 5)"], { attempt: "another" });
  await lake.send(queueUrl, pointer);
  await acknowledged();

  const found = await manifest();
  expect(found.outputs.map(({ partition }) => partition)).toEqual(["country=NL/year=2018/month=02"]);
  expect(found.input?.identity).toBe("1-another");
});

test("refuses to commit when the rows do not add up to what the cleaner kept", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, clean } = await fixture(closing);
  await clean(1, [ghent], { counts: { read: 2, kept: 2, quarantined: 0, reasons: {}, flags: {} } });

  await lake.send(queueUrl, pointer);
  await vi.waitFor(() => expect(lake.lines.some((line) => line["msg"] === "message failed")).toBe(true), {
    timeout: 10_000,
  });

  const failed = lake.lines.find((line) => line["msg"] === "message failed");
  expect(failed).toMatchObject({
    reason: "unexpected",
    err: { message: expect.stringContaining("1 rows for 2 clean ones") },
  });
  expect(await lake.depth(queueUrl)).toBe(1);
});

test("parks a message that it cannot read", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, deadLetterQueueUrl, acknowledged } = await fixture(closing);

  await lake.send(queueUrl, { Records: [] });
  await acknowledged();

  expect((await lake.take(deadLetterQueueUrl))[0]?.attributes["reason"]).toBe("unreadable-message");
});

test("keeps the table of countries in the lake", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake } = await fixture(closing);

  const head = await lake.s3.send(
    new HeadObjectCommand({ Bucket: "gold", Key: "reference/countries/countries.parquet" }),
  );

  expect(head.Metadata?.["fingerprint"]).toMatch(/^[0-9a-f]{64}$/);
});
