import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SNSClient } from "@aws-sdk/client-sns";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "@airlake/cleaner/config";
import { start } from "@airlake/cleaner/start";
import type { Clients } from "@airlake/shared/clients";
import { systemClock } from "@airlake/shared/clock";
import { topologyOf } from "@airlake/shared/contracts/topology";
import { httpStatusOf } from "@airlake/shared/errors";
import { createLogger } from "@airlake/shared/logger";
import type { ObjectStore } from "@airlake/shared/object-store";
import { type Emulator, containerReason, localStackImage, startLocalStack } from "@airlake/shared/testing/containers";

import { bootstrap } from "../src/bootstrap.ts";
import { rowsOf } from "./lake/gold-rows.ts";
import { type RemoteLake, openRemoteLake, parked } from "./lake/remote-lake.ts";

const reason = containerReason(localStackImage);
const datasets = fileURLToPath(new URL("../../datasets", import.meta.url));
const header = "location,city,country,utc,local,parameter,value,unit,latitude,longitude,attribution";
const contents = (values: readonly number[]): string =>
  [
    header,
    ...values.map((value) => `A,A,BE,2018-02-06T05:00:00Z,2018-02-06T06:00:00+01:00,pm25,${value},µg/m³,,,`),
    "",
  ].join("\n");

describe.skipIf(reason !== undefined)(`two cleaners${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  let emulator: Emulator;
  let lake: RemoteLake;
  let scratch: string;
  beforeAll(async () => {
    emulator = await startLocalStack();
    scratch = await mkdtemp(join(tmpdir(), "airlake-race-"));
    lake = openRemoteLake(emulator.endpoint, topologyOf("race"));
    const sns = new SNSClient(emulator.clientConfig);
    await bootstrap({ ...lake, sns, log: createLogger("bootstrap", { level: "silent", version: "" }) }, lake.topology);
    sns.destroy();
  }, 200_000);
  afterAll(async () => {
    lake[Symbol.dispose]();
    await rm(scratch, { recursive: true, force: true });
    await emulator[Symbol.asyncDispose]();
  });

  /** The settings and clients of one worker; every lost conditional write is counted. */
  function openWorker(name: string, lost: { count: number }) {
    const { buckets, queues } = lake.topology;
    const config = loadConfig({
      AWS_REGION: "us-east-1",
      AWS_ENDPOINT_URL: emulator.endpoint,
      QUEUE: queues.clean.name,
      DEAD_LETTER_QUEUE: queues.clean.deadLetterName,
      NEXT_QUEUE: queues.join.name,
      OPS_BUCKET: buckets.ops,
      RAW_BUCKET: buckets.raw,
      SILVER_BUCKET: buckets.silver,
      DATASETS_FOLDER: datasets,
      SCRATCH_FOLDER: join(scratch, name),
      DUCKDB_MEMORY_MB: "128",
      DUCKDB_THREADS: "1",
      CONCURRENCY: "2",
      VISIBILITY_TIMEOUT_SECONDS: "30",
      WAIT_TIME_SECONDS: "1",
      DRAIN_TIMEOUT_SECONDS: "10",
    });
    const log = createLogger(name, { level: "silent", version: "" });
    const clients: Clients = { s3: countingLosses(lake.s3, lost), sqs: lake.sqs, log, clock: systemClock };
    return { config, clients };
  }

  test("that race for one source, a hundred times, always end with its last content and leave no part unnamed", async () => {
    await using closing = new AsyncDisposableStack();
    const lost = { count: 0 };
    for (const name of ["one", "two"]) {
      const { config, clients } = openWorker(name, lost);
      closing.use(await start(config, clients));
    }
    const last = new Map<string, number[]>();

    for (let source = 1; source <= 100; source += 1) {
      const key = `openaq/raced-${source}.csv`;
      const versions = [[source], [source, source + 0.25], [source, source + 0.5, 1000 + source]].slice(
        0,
        2 + (source % 2),
      );
      for (const values of versions) await lake.put(key, contents(values));
      await lake.look(key);
      last.set(key, versions.at(-1) ?? []);
    }
    await lake.quietOf(["clean"], 240_000);

    const manifests = await lake.manifests("cleaner");
    expect(manifests.size).toBe(100);
    const parts = await lake.download("clean", scratch);
    const rows = await rowsOf(parts);
    for (const [key, values] of last) {
      const manifest = manifests.get(key);
      expect(manifest).toMatchObject({ state: "current", pending: [], debris: [] });
      const kept = rows.filter((row) => row["source_id"] === manifest?.sourceId).map((row) => row["value"]);
      expect(new Set(kept)).toEqual(new Set(values));
      expect(kept).toHaveLength(values.length);
    }
    expect(await lake.unnamed()).toEqual([]);
    expect(await parked(lake)).toBe(0);
    // Without a lost race nothing was proved.
    expect(lost.count).toBeGreaterThan(20);
  }, 300_000);
});

/** The same store; conditional writes that another worker has won are counted. */
function countingLosses(s3: ObjectStore, lost: { count: number }): ObjectStore {
  const send = async (...sent: readonly unknown[]): Promise<unknown> => {
    try {
      return await Reflect.apply(s3.send, s3, [...sent]);
    } catch (error) {
      if (httpStatusOf(error) === 412) lost.count += 1;
      throw error;
    }
  };
  return { send: send as ObjectStore["send"] };
}
