/**
 * The real stage protocol on a simulated store: every order of the workers' requests, of the world's changes, of deaths, expired
 * leases and lost answers, up to a bound. One schedule is a list of choices; it is replayed from the beginning to reach a state.
 */
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";

import type { Clock } from "../../src/clock.ts";
import { sourceIdOf } from "../../src/contracts/keys.ts";
import { TransientError } from "../../src/errors.ts";
import type { ObjectStore } from "../../src/object-store.ts";
import type * as alignModule from "../../src/stage/align.ts";
import type * as storeModule from "../../src/stage/manifest-store.ts";
import type { Stage, Target } from "../../src/stage/types.ts";
import type { Hand } from "../../src/worker/hand.ts";

export interface Protocol {
  readonly align: typeof alignModule.align;
  readonly createManifestStore: typeof storeModule.createManifestStore;
}

export interface Bounds {
  /** What the world does to the source, one notification each: X and Y are contents, `-` is a removal, `!` is bytes that are no good. */
  readonly script: string;
  readonly crashes: number;
  readonly expiries: number;
  readonly lostAnswers: number;
  readonly maxStates: number;
  /** Requests of one schedule; duels beyond it repeat themselves. */
  readonly maxSteps: number;
}

export interface Finding {
  readonly fault: string | undefined;
  readonly schedule: readonly string[];
  readonly states: number;
  readonly quiet: number;
}

const source = { bucket: "raw", key: "toy/source" };
const target: Target = { source, sourceId: sourceIdOf(source), dataset: "toy", correlationId: "c" };
const rawKey = "raw/toy/source";
const manifestKey = `ops/manifests/cleaner/toy/${target.sourceId}.json`;

interface Request {
  readonly label: string;
  readonly conditional: boolean;
  /** Does it to the store and gives the answer, or the error that the store answers with. */
  run(): { readonly value: unknown } | { readonly error: Error };
  resolve(value: unknown): void;
  reject(error: Error): void;
}

interface Worker {
  message: number | undefined;
  request: Request | undefined;
  own: boolean;
  dead: boolean;
  /** What it has seen since it took the message: with the code, its whole state. */
  seen: string[];
  settled: (() => void) | undefined;
}

interface World {
  readonly objects: Map<string, { readonly etag: string; readonly body: string }>;
  readonly workers: Worker[];
  queue: number[];
  script: string;
  clock: number;
  etags: number;
  ids: number;
  crashes: number;
  expiries: number;
  lostAnswers: number;
  /** Parts put after another worker had taken their intent over: reconciliation's work, if their worker then died. */
  readonly late: Set<string>;
  /** The gold of the story: what the next stage was told of last. */
  told: string;
  parked: number;
}

/** Searches all schedules within the bounds, depth first; stops at the first fault. */
export async function explore(protocol: Protocol, bounds: Bounds, scratchFolder: string): Promise<Finding> {
  const seen = new Set<string>();
  const todo: (readonly string[])[] = [[]];
  let quiet = 0;
  for (let schedule = todo.pop(); schedule !== undefined; schedule = todo.pop()) {
    const world = await replay(protocol, bounds, scratchFolder, schedule);
    const choices = choicesOf(world, schedule.length < bounds.maxSteps);
    if (world.queue.length === 0 && world.script === "" && world.workers.every((worker) => worker.message === undefined)) {
      quiet += 1;
      const fault = faultOf(world);
      if (fault !== undefined) return { fault, schedule, states: seen.size, quiet };
    }
    for (const choice of choices) {
      const next = [...schedule, choice];
      const key = keyOf(world, choice);
      if (!seen.has(key)) {
        seen.add(key);
        todo.push(next);
      }
    }
    if (seen.size > bounds.maxStates) return { fault: undefined, schedule: [], states: seen.size, quiet };
  }
  return { fault: undefined, schedule: [], states: seen.size, quiet };
}

/** A state and a choice in it, with the workers in any order: they are alike. */
function keyOf(world: World, choice: string): string {
  const [verb, number] = choice.split(" ");
  const workers = world.workers.map((worker, at) => JSON.stringify([worker.message, worker.own, worker.seen, String(at) === number ? verb : ""]));
  const rest = [
    [...world.objects].map(([key, { etag, body }]) => [key, etag, body]).toSorted(),
    world.queue.toSorted(),
    world.script,
    world.crashes,
    world.expiries,
    world.lostAnswers,
    [...world.late].toSorted(),
    world.told,
    verb === "world" ? "w" : "",
    choice.split(" ")[2] ?? "",
  ];
  return createHash("sha1").update(workers.toSorted().join("|")).update(JSON.stringify(rest)).digest("base64");
}

function choicesOf(world: World, more: boolean): readonly string[] {
  if (!more) return [];
  const choices: string[] = [];
  if (world.script !== "") choices.push("world");
  const idle = world.workers.findIndex((worker) => worker.message === undefined);
  if (idle >= 0) choices.push(...world.queue.map((message) => `receive ${idle} ${message}`));
  for (const [at, worker] of world.workers.entries()) {
    if (worker.request === undefined) continue;
    choices.push(`go ${at}`);
    if (world.crashes > 0) choices.push(`die ${at}`);
    if (world.expiries > 0 && worker.own) choices.push(`expire ${at}`);
    if (world.lostAnswers > 0 && worker.request.conditional) choices.push(`lose ${at}`);
  }
  return choices;
}

async function replay(protocol: Protocol, bounds: Bounds, scratchFolder: string, schedule: readonly string[]): Promise<World> {
  const world: World = {
    objects: new Map(),
    workers: Array.from({ length: 2 }, () => ({ message: undefined, request: undefined, own: true, dead: false, seen: [], settled: undefined })),
    queue: [],
    script: bounds.script,
    clock: 1,
    etags: 1,
    ids: 1,
    crashes: bounds.crashes,
    expiries: bounds.expiries,
    lostAnswers: bounds.lostAnswers,
    late: new Set(),
    told: "",
    parked: 0,
  };
  for (const choice of schedule) await step(protocol, world, scratchFolder, choice);
  return world;
}

async function step(protocol: Protocol, world: World, scratchFolder: string, choice: string): Promise<void> {
  const [verb, number, message] = choice.split(" ");
  const worker = world.workers[Number(number ?? 0)];
  if (worker === undefined) throw new Error(`no worker ${number}`);
  if (verb === "world") changeSource(world);
  if (verb === "receive") await settled(worker, () => begin(protocol, world, worker, { scratchFolder, message: Number(message) }));
  if (verb === "go" || verb === "lose") await settled(worker, () => answer(world, worker, verb === "lose"));
  if (verb === "die") die(world, worker);
  if (verb === "expire") {
    world.expiries -= 1;
    worker.own = false;
    if (worker.message !== undefined) world.queue.push(worker.message);
    worker.seen.push("expired");
  }
}

/** Lets one worker run until it waits for its next request, or is done. */
async function settled(worker: Worker, start: () => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  worker.settled = resolve;
  start();
  await promise;
}

function changeSource(world: World): void {
  const content = world.script[0] ?? "";
  world.script = world.script.slice(1);
  if (content === "-") world.objects.delete(rawKey);
  else world.objects.set(rawKey, { etag: content, body: content });
  world.queue.push(world.clock);
  world.clock += 1;
}

function die(world: World, worker: Worker): void {
  world.crashes -= 1;
  if (worker.own && worker.message !== undefined) world.queue.push(worker.message);
  const at = world.workers.indexOf(worker);
  worker.dead = true;
  world.workers[at] = { message: undefined, request: undefined, own: true, dead: false, seen: [], settled: undefined };
}

function answer(world: World, worker: Worker, lost: boolean): void {
  const { request } = worker;
  if (request === undefined) throw new Error("nothing to answer");
  worker.request = undefined;
  const result = request.run();
  if (lost) {
    world.lostAnswers -= 1;
    // The SDK asks again and sees 412 on its own success.
    const error = "error" in result ? result.error : awsError("PreconditionFailed", 412);
    worker.seen.push(`${request.label}: lost`);
    request.reject(error);
    return;
  }
  worker.seen.push(`${request.label}: ${"error" in result ? result.error.name : JSON.stringify(result.value)}`);
  if ("error" in result) request.reject(result.error);
  else request.resolve(result.value);
}

function begin(protocol: Protocol, world: World, worker: Worker, start: { readonly scratchFolder: string; readonly message: number }): void {
  worker.message = start.message;
  worker.own = true;
  worker.seen = [`message ${start.message}`];
  world.queue = world.queue.filter((message) => message !== start.message);
  const s3 = storeOf(world, worker);
  const deps = {
    stage: toyStage(world, s3),
    s3,
    manifests: protocol.createManifestStore(s3, "ops"),
    clock: clockOf(world),
    settings: { buckets: { silver: "silver", gold: "gold" }, scratchFolder: start.scratchFolder, workerVersion: "test" },
  };
  const done = (): void => {
    if (worker.dead) return;
    worker.message = undefined;
    worker.seen = [];
    worker.settled?.();
  };
  protocol.align(deps, target, handOf(world, worker)).then(done, (error: unknown) => {
    if (worker.dead) return;
    if (!(error instanceof TransientError)) throw error;
    // Handed back: visible again, if it still was this worker's.
    if (worker.own && worker.message !== undefined) world.queue.push(worker.message);
    done();
  });
}

function handOf(world: World, worker: Worker): Hand {
  const check = (): void => {
    if (!worker.own) throw new TransientError("the lease is over");
  };
  return {
    lease: { isOver: () => !worker.own, check },
    signal: new AbortController().signal,
    log: undefined as unknown as Hand["log"],
    recordFailure: async () => "failures/record.json",
    park: async () => {
      world.parked += 1;
    },
  };
}

function clockOf(world: World): Clock {
  return {
    now: () => new Date(0),
    monotonicMs: () => 0,
    newId: () => `a${world.ids++}`,
    random: () => 0,
    sleep: async () => {},
  };
}

/** One part for each source, whose body is the source's content; content `!` is rejected. */
function toyStage(world: World, s3: ObjectStore): Stage<AsyncDisposable & { readonly content: string }> {
  const contentNow = async (): Promise<string | undefined> => {
    try {
      const got = await (s3.send as (command: unknown) => Promise<{ Body: { transformToString(): Promise<string> } }>)({
        input: { Bucket: "raw", Key: "toy/source" },
        constructor: { name: "GetObjectCommand" },
      });
      return await got.Body.transformToString();
    } catch (error) {
      if (error instanceof Error && error.name === "NoSuchKey") return undefined;
      throw error;
    }
  };
  return {
    name: "cleaner",
    async readInput() {
      const content = await contentNow();
      if (content === undefined) return { kind: "gone" };
      return { kind: "present", identity: { identity: content }, value: { content, [Symbol.asyncDispose]: async () => {} } };
    },
    identityNow: async () => (await contentNow()) ?? "gone",
    fingerprint: async () => ({ text: "f", rulePack: 1 }),
    async work(_target, input, attempt) {
      const { content } = input.value;
      if (content === "!") return { kind: "rejected", reason: "no-good", detail: "no good" };
      const file = join(attempt.scratch, "part");
      await writeFile(file, content);
      const key = `toy/clean/${content}.${attempt.generation}-${attempt.id}`;
      const part = { bucket: "silver" as const, key, rows: 1, bytes: content.length, role: "clean" as const, partition: "" };
      const counts = { read: 1, kept: 1, quarantined: 0, reasons: {}, flags: {} };
      return { kind: "outputs", files: [{ file, part }], counts, format: null, referenceTime: null, timings: {} };
    },
    announce: async () => {
      world.told = world.objects.get(manifestKey)?.body ?? "";
    },
  };
}

function storeOf(world: World, worker: Worker): ObjectStore {
  const send = async (command: { readonly input: Record<string, unknown>; readonly constructor: { readonly name: string } }): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (worker.dead) return;
      const { input, constructor } = command;
      // A stream that nobody reads keeps its file open.
      if (input["Body"] instanceof Readable) input["Body"].destroy();
      worker.request = {
        label: `${constructor.name} ${String(input["Key"] ?? "")}`,
        conditional: input["IfMatch"] !== undefined || input["IfNoneMatch"] !== undefined,
        run: () => execute(world, constructor.name, input),
        resolve,
        reject,
      };
      worker.settled?.();
    });
  return { send } as unknown as ObjectStore;
}

function execute(world: World, name: string, input: Record<string, unknown>): { readonly value: unknown } | { readonly error: Error } {
  const key = `${String(input["Bucket"])}/${String(input["Key"])}`;
  const found = world.objects.get(key);
  if (name === "GetObjectCommand") {
    if (found === undefined) return { error: awsError("NoSuchKey", 404) };
    const { body, etag } = found;
    return { value: { ETag: etag, Body: { transformToString: async () => body } } };
  }
  if (name === "PutObjectCommand") {
    const { IfMatch: ifMatch, IfNoneMatch: ifNoneMatch, Body: body } = input;
    if (ifNoneMatch === "*" && found !== undefined) return { error: awsError("PreconditionFailed", 412) };
    if (ifMatch !== undefined && found?.etag !== ifMatch) return { error: awsError("PreconditionFailed", 412) };
    const named: string = world.objects.get(manifestKey)?.body ?? "";
    if (key.startsWith("silver/") && !pendingOf(named).includes(String(input["Key"]))) world.late.add(key);
    const etag = `e${world.etags++}`;
    world.objects.set(key, { etag, body: typeof body === "string" ? body : key });
    return { value: { ETag: etag } };
  }
  if (name === "DeleteObjectsCommand") {
    const { Objects: objects } = input["Delete"] as { readonly Objects: readonly { readonly Key: string }[] };
    for (const { Key } of objects) world.objects.delete(`${String(input["Bucket"])}/${Key}`);
    return { value: {} };
  }
  throw new Error(`the simulated store does not know ${name}`);
}

interface Named {
  readonly state: string;
  readonly outputs: readonly { readonly key: string }[];
  readonly pending: readonly { readonly key: string }[];
}

function pendingOf(manifest: string): readonly string[] {
  return manifest === "" ? [] : (JSON.parse(manifest) as Named).pending.map((part) => part.key);
}

/** What is wrong when nothing is left to do; undefined where all is well. */
function faultOf(world: World): string | undefined {
  const content = world.objects.get(rawKey)?.body;
  const text = world.objects.get(manifestKey)?.body;
  const manifest = text === undefined ? undefined : (JSON.parse(text) as Named);
  const outputs = manifest?.outputs.map((part) => part.key) ?? [];
  const state = content === undefined ? "retracted" : content === "!" ? "rejected" : "current";
  if (manifest === undefined ? content !== undefined : manifest.state !== state) return `state ${manifest?.state}, but the source is ${content}`;
  const contents = outputs.map((key) => key.split("/")[2]?.[0] ?? "");
  if (content !== "!" && contents.join() !== (content ?? "")) return `outputs ${contents.join()}, but the source is ${content}`;
  if (content === "!" && contents.includes("!")) return "a rejected content became an output";
  const parts = [...world.objects.keys()].filter((key) => key.startsWith("silver/"));
  const missing = outputs.filter((key) => !parts.includes(`silver/${key}`));
  if (missing.length > 0) return `a named part is missing: ${missing.join()}`;
  const extra = parts.filter((key) => !outputs.includes(key.slice("silver/".length)) && !world.late.has(key));
  if (extra.length > 0) return `left over: ${extra.join()}`;
  if (outputsOf(world.told) !== outputsOf(text ?? "")) return "the next stage was not told";
  if (content === "!" && world.parked === 0) return "a rejected source was never parked";
  return undefined;
}

function outputsOf(manifest: string): string {
  return manifest === "" ? "" : (JSON.parse(manifest) as Named).outputs.map((part) => part.key).join();
}

function awsError(name: string, httpStatusCode: number): Error {
  return Object.assign(new Error(name), { name, $metadata: { httpStatusCode } });
}
