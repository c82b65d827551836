// Deaths and other accidents of catalog-sync, in real processes. It has no manifest: the catalog's file is all it writes.
import { stat } from "node:fs/promises";
import { join } from "node:path";

import { systemClock } from "@airlake/shared/clock";
import { changeCatalogFile, registeredPartitions } from "@airlake/shared/embedded/catalog-file";
import { expect, test } from "vitest";

import { type Pipeline, startPipeline } from "../pipeline/pipeline.ts";
import { startPlain, startVictim } from "./children.ts";
import { untilQuiet } from "./lakes.ts";
import type { Snare } from "./trap.ts";

const options = { timeout: 90_000 };
const key = "openaq/a.csv";
const [first, second] = ["country=BE/year=2018/month=01", "country=NL/year=2018/month=02"];

test("a catalog-sync that is killed between writing and acknowledging leaves the catalog whole", options, async () => {
  await using pipeline = await startPipeline({ services: false });
  await announce(pipeline, [first]);
  await using victim = startVictim(pipeline, "catalog-sync", [{ key, step: "acknowledge", how: "stop" }]);
  await expect.poll(() => victim.count(key, "acknowledge"), { timeout: 30_000 }).toBe(1);
  expect(await victim.end("SIGKILL")).toEqual({ code: null, signal: "SIGKILL" });
  expect(await registered(pipeline)).toEqual([first]);

  await announce(pipeline, [second]);
  await using _plain = startPlain(pipeline, "catalog-sync");
  await untilQuiet(pipeline, ["catalog-sync"]);

  expect(await registered(pipeline)).toEqual([first, second]);
});

test("a catalog-sync that is killed while it waits for its turn leaves the file to others", options, async () => {
  await using pipeline = await startPipeline({ services: false });
  await announce(pipeline, [first]);
  const turn = await holdCatalog(pipeline);
  await using victim = startVictim(pipeline, "catalog-sync", [{ key, step: "acknowledge", how: "hold" }]);
  await expect.poll(() => victim.count(key, "heartbeat"), { timeout: 30_000 }).toBeGreaterThan(1);
  await victim.end("SIGKILL");
  await turn.end();

  await using _plain = startPlain(pipeline, "catalog-sync");
  await untilQuiet(pipeline, ["catalog-sync"]);

  expect(await registered(pipeline)).toEqual([first]);
});

test("catalog-syncs that are killed while they write lose no partition", options, async () => {
  await using pipeline = await startPipeline({ services: false });
  const months = Array.from(
    { length: 1500 },
    (_, at) => `country=BE/year=${1900 + Math.floor(at / 12)}/month=${`${(at % 12) + 1}`.padStart(2, "0")}`,
  );
  for (let at = 0; at < months.length; at += 75) await announce(pipeline, months.slice(at, at + 75));

  let stamp = "";
  for (let death = 0; death < 3; death += 1) {
    await using victim = startPlain(pipeline, "catalog-sync");
    await expect.poll(async () => stampOf(pipeline), { timeout: 30_000, interval: 1 }).not.toBe(stamp);
    await victim.end("SIGKILL");
    stamp = await stampOf(pipeline);
  }
  await using _plain = startPlain(pipeline, "catalog-sync");
  await untilQuiet(pipeline, ["catalog-sync"]);

  expect(await registered(pipeline)).toEqual(months.toSorted());
});

test("a catalog-sync changes nothing when its message comes again", options, async () => {
  await using pipeline = await startPipeline({ services: false });
  await using plain = startPlain(pipeline, "catalog-sync", { CONCURRENCY: "3" });
  for (let copy = 0; copy < 3; copy += 1) await announce(pipeline, [first]);
  await untilQuiet(pipeline, ["catalog-sync"]);
  const stamp = await stampOf(pipeline);

  for (let copy = 0; copy < 3; copy += 1) await announce(pipeline, [first]);
  await untilQuiet(pipeline, ["catalog-sync"]);

  expect(await stampOf(pipeline)).toBe(stamp);
  expect(await registered(pipeline)).toEqual([first]);
  expect(plain.log()).not.toContain("message failed");
});

test("a catalog-sync parks messages that it cannot read, and goes on", options, async () => {
  await using pipeline = await startPipeline({ services: false });
  const { url, deadLetterUrl } = pipeline.queues.catalog;
  for (const body of ["not even JSON", '{"contract":"nobody-knows/1"}']) await pipeline.lake.send(url, body);
  await announce(pipeline, [first]);

  await using _plain = startPlain(pipeline, "catalog-sync");
  await untilQuiet(pipeline, ["catalog-sync"]);

  const parked = await pipeline.lake.take(deadLetterUrl);
  expect(parked.map(({ attributes }) => attributes["reason"])).toEqual(["unreadable-message", "unreadable-message"]);
  expect(await registered(pipeline)).toEqual([first]);
});

test("a catalog-sync whose queue refuses an acknowledgement does its work twice, to no effect", options, async () => {
  await using pipeline = await startPipeline({ services: false });
  await announce(pipeline, [first]);

  await using victim = startVictim(pipeline, "catalog-sync", [{ key, step: "acknowledge", how: "refuse" }]);
  await expect.poll(() => victim.count(key, "receive"), { timeout: 30_000 }).toBe(2);
  await untilQuiet(pipeline, ["catalog-sync"]);

  expect(await registered(pipeline)).toEqual([first]);
});

test("a catalog-sync keeps a message for longer than its visibility", options, async () => {
  await using pipeline = await startPipeline({ services: false });
  await announce(pipeline, [first]);
  const turn = await holdCatalog(pipeline);
  await using slow = startVictim(pipeline, "catalog-sync", watched, { VISIBILITY_TIMEOUT_SECONDS: "3" });
  await expect.poll(() => slow.count(key, "receive"), { timeout: 30_000 }).toBe(1);
  await using _other = startPlain(pipeline, "catalog-sync");

  await expect.poll(() => slow.count(key, "heartbeat"), { timeout: 30_000 }).toBeGreaterThan(3);
  await turn.end();
  await untilQuiet(pipeline, ["catalog-sync"]);

  expect(slow.count(key, "receive")).toBe(1);
  expect(slow.log()).toContain('"outcome":"done"');
  expect(await registered(pipeline)).toEqual([first]);
});

test("a catalog-sync finishes what is in hand when it is told to stop", options, async () => {
  await using pipeline = await startPipeline({ services: false });
  await announce(pipeline, [first]);
  const turn = await holdCatalog(pipeline);
  await using worker = startVictim(pipeline, "catalog-sync", watched);
  await expect.poll(() => worker.count(key, "receive"), { timeout: 30_000 }).toBe(1);

  const ended = worker.end("SIGTERM");
  await expect.poll(() => worker.log(), { timeout: 30_000 }).toContain("draining");
  await turn.end();

  expect(await ended).toEqual({ code: 0, signal: null });
  expect(pipeline.lake.sqs.isQuiet([pipeline.queues.catalog.url])).toBe(true);
  expect(await registered(pipeline)).toEqual([first]);
});

/** A snare that nothing comes to: receives and heartbeats of its source are told all the same. */
const watched: readonly Snare[] = [{ key, step: "park", how: "hold" }];

async function announce(pipeline: Pipeline, partitions: readonly string[]): Promise<void> {
  const source = { bucket: "raw", key };
  const message = { contract: "partitions-changed/1", source, dataset: "openaq", partitions, correlationId: "c" };
  await pipeline.lake.send(pipeline.queues.catalog.url, message);
}

function catalogOf({ lake }: Pipeline): { readonly file: string; readonly clock: typeof systemClock } {
  return { file: join(lake.folder, "catalog.duckdb"), clock: systemClock };
}

async function registered(pipeline: Pipeline): Promise<readonly string[]> {
  return [
    ...(await registeredPartitions(catalogOf(pipeline), { database: "openaq", name: "measurements" })),
  ].toSorted();
}

/** Takes the catalog's turn, until it is ended. */
async function holdCatalog(pipeline: Pipeline): Promise<{ end(): Promise<void> }> {
  const [taken, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holding = changeCatalogFile(catalogOf(pipeline), async () => {
    taken.resolve();
    await over.promise;
  });
  await taken.promise;
  return {
    async end() {
      over.resolve();
      await holding;
    },
  };
}

/** Changes whenever somebody writes. */
async function stampOf(pipeline: Pipeline): Promise<string> {
  const { file } = catalogOf(pipeline);
  const found = await Promise.all([file, `${file}.wal`].map(async (path) => stat(path).catch(() => undefined)));
  return found.map((one) => `${one?.mtimeMs} ${one?.size}`).join(", ");
}
