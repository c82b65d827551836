/** What can happen to a worker and is no death, each with one source of its own. */
import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { expect } from "vitest";

import type { StageName } from "@airlake/shared/contracts/keys";
import type { Pipeline } from "../pipeline/pipeline.ts";
import { type Child, queueOf, startPlain, startVictim } from "./children.ts";
import { apply, passThrough, untilQuiet } from "./lakes.ts";
import type { Snare } from "./trap.ts";

export interface Scene {
  readonly pipeline: Pipeline;
  readonly worker: StageName;
  /** The source, which nobody has worked on; a message about it waits. */
  readonly key: string;
}

/** Puts a source; for the joiner the cleaner has done its part. */
export async function setScene(pipeline: Pipeline, worker: StageName, key: string): Promise<Scene> {
  await apply(pipeline, "appears", key);
  if (worker === "joiner") await passThrough(pipeline, ["cleaner"]);
  return { pipeline, worker, key };
}

/** Sends one more message about a scene's source. */
async function remind({ pipeline, worker, key }: Scene): Promise<void> {
  const contract = worker === "cleaner" ? "source-changed/1" : "clean-ready/1";
  const pointer = { contract, source: { bucket: "raw", key }, correlationId: "again" };
  await pipeline.lake.send(pipeline.queues[queueOf[worker]].url, pointer);
}

export async function deliveredTwice(scene: Scene): Promise<void> {
  await using worker = startPlain(scene.pipeline, scene.worker, { CONCURRENCY: "4" });
  for (let copy = 0; copy < 3; copy += 1) await remind(scene);
  await untilQuiet(scene.pipeline, [scene.worker]);
  const before = await scene.pipeline.manifest(scene.worker, scene.key);

  for (let copy = 0; copy < 3; copy += 1) await remind(scene);
  await untilQuiet(scene.pipeline, [scene.worker]);

  expect(worker.log()).toContain("message settled");
  expect(before).toMatchObject({ state: "current", counts: { kept: 2 }, pending: [], debris: [] });
  expect(await scene.pipeline.manifest(scene.worker, scene.key)).toEqual(before);
  expect(await unnamedOf(scene)).toEqual([]);
}

export async function poisoned(scene: Scene): Promise<void> {
  const { url, deadLetterUrl } = scene.pipeline.queues[queueOf[scene.worker]];
  const poison = ["not even JSON", '{"contract":"nobody-knows/1"}', "[]"];
  for (const body of poison) await scene.pipeline.lake.send(url, body);

  await using _worker = startPlain(scene.pipeline, scene.worker, { CONCURRENCY: "1" });
  await untilQuiet(scene.pipeline, [scene.worker]);

  const parked = await scene.pipeline.lake.take(deadLetterUrl);
  const about = parked.filter(({ body }) => poison.includes(body));
  expect(about.map(({ attributes }) => attributes["reason"])).toEqual(poison.map(() => "unreadable-message"));
  await expect(
    hasObject(
      scene.pipeline,
      about.map(({ attributes }) => attributes["failureKey"] ?? ""),
    ),
  ).resolves.toBe(true);
  expect(await scene.pipeline.manifest(scene.worker, scene.key)).toMatchObject({ state: "current" });
}

/** Longer than its visibility: its heartbeat keeps the message. */
export async function slow(scene: Scene): Promise<void> {
  await using worker = victimOf(scene, [{ step: "put part", how: "hold" }], { VISIBILITY_TIMEOUT_SECONDS: "3" });
  await expect.poll(() => worker.count(scene.key, "put part"), { timeout: 30_000 }).toBeGreaterThan(0);
  await using _other = startPlain(scene.pipeline, scene.worker);

  await expect.poll(() => worker.count(scene.key, "heartbeat"), { timeout: 30_000 }).toBeGreaterThan(3);
  worker.release();
  await untilQuiet(scene.pipeline, [scene.worker]);

  expect(worker.count(scene.key, "receive")).toBe(1);
  expect(await scene.pipeline.manifest(scene.worker, scene.key)).toMatchObject({ generation: 1, state: "current" });
  expect(await unnamedOf(scene)).toEqual([]);
}

/** Its heartbeat fails, another does its work, and then its parts arrive all the same. */
export async function zombie(scene: Scene): Promise<void> {
  await using worker = victimOf(
    scene,
    [
      { step: "put part", how: "late" },
      { step: "heartbeat", how: "always-refuse" },
    ],
    { VISIBILITY_TIMEOUT_SECONDS: "1", CONCURRENCY: "1" },
  );
  await expect.poll(() => worker.count(scene.key, "put part"), { timeout: 30_000 }).toBeGreaterThan(0);
  await using _other = startPlain(scene.pipeline, scene.worker);
  await untilQuiet(scene.pipeline, [scene.worker]);
  const done = await scene.pipeline.manifest(scene.worker, scene.key);

  worker.release();
  await expect.poll(() => worker.log(), { timeout: 30_000 }).toContain("message failed");

  expect(await scene.pipeline.manifest(scene.worker, scene.key)).toEqual(done);
  expect(done).toMatchObject({ state: "current", pending: [], debris: [] });
  expect(await unnamedOf(scene)).toEqual([]);
}

/** SIGTERM: what is in hand is finished. */
export async function stopped(scene: Scene): Promise<void> {
  await using worker = victimOf(scene, [{ step: "put part", how: "hold" }], {});
  await expect.poll(() => worker.count(scene.key, "put part"), { timeout: 30_000 }).toBeGreaterThan(0);

  const ended = worker.end("SIGTERM");
  await expect.poll(() => worker.log(), { timeout: 30_000 }).toContain("draining");
  worker.release();

  expect(await ended).toEqual({ code: 0, signal: null });
  expect(scene.pipeline.lake.sqs.isQuiet([scene.pipeline.queues[queueOf[scene.worker]].url])).toBe(true);
  expect(await scene.pipeline.manifest(scene.worker, scene.key)).toMatchObject({ state: "current", generation: 1 });
}

/** SIGTERM, and what is in hand takes too long: it is handed back, long before its visibility ends. */
export async function stoppedTooSlow(scene: Scene): Promise<void> {
  const env = { DRAIN_TIMEOUT_SECONDS: "1", VISIBILITY_TIMEOUT_SECONDS: "600" };
  await using worker = victimOf(scene, [{ step: "put part", how: "hold" }], env);
  await expect.poll(() => worker.count(scene.key, "put part"), { timeout: 30_000 }).toBeGreaterThan(0);

  expect(await worker.end("SIGTERM")).toEqual({ code: 0, signal: null });

  await using _other = startPlain(scene.pipeline, scene.worker);
  await untilQuiet(scene.pipeline, [scene.worker]);
  expect(await scene.pipeline.manifest(scene.worker, scene.key)).toMatchObject({
    state: "current",
    pending: [],
    debris: [],
  });
  expect(await unnamedOf(scene)).toEqual([]);
}

function victimOf(scene: Scene, snares: readonly Omit<Snare, "key">[], env: Readonly<Record<string, string>>): Child {
  const { pipeline, worker, key } = scene;
  return startVictim(
    pipeline,
    worker,
    snares.map((snare) => ({ ...snare, key })),
    env,
  );
}

/** Parts of the stage's own bucket that no manifest names. */
async function unnamedOf({ pipeline, worker }: Scene): Promise<readonly string[]> {
  const bucket = worker === "cleaner" ? "silver/" : "gold/";
  return (await pipeline.unnamed()).filter((path) => path.startsWith(bucket));
}

async function hasObject(pipeline: Pipeline, keys: readonly string[]): Promise<boolean> {
  const { Contents: found = [] } = await pipeline.lake.s3.send(
    new ListObjectsV2Command({ Bucket: "ops", Prefix: "failures/" }),
  );
  return keys.every((key) => found.some(({ Key }) => Key === key));
}
