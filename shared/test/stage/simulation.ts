/**
 * The real stage protocol on a simulated store. A schedule is a list of choices: which request happens next, who takes a message,
 * who dies. Every schedule gives one run, the same each time.
 */
import { createHash } from "node:crypto";

import type { Clock } from "../../src/clock.ts";
import { TransientError, isTransient } from "../../src/errors.ts";
import type { StageName } from "../../src/contracts/keys.ts";
import type { Hand } from "../../src/worker/hand.ts";
import type { ScratchFolders } from "../../src/worker/scratch-folders.ts";
import type { Protocol } from "./load-protocol.ts";
import { ask, essence, simulatedError, storeOf } from "./simulated-store.ts";
import { outputsText, toyCleaner, toyJoiner } from "./toy-stages.ts";
import {
  type Bounds,
  type Request,
  type Worker,
  type World,
  manifestOf,
  newWorker,
  newWorld,
  rawKey,
  send,
  store,
  target,
} from "./world.ts";

/**
 * `world` · `receive <worker>` · `go <worker> <request>` · `die <worker>` · `expire <worker>` · `lose <worker> <request>` (a conditional PUT is
 * done, its retry sees 412) · `refuse`, `cut <worker> <request>` (an error, with nothing done or with all done) · `abort`, `late <worker>
 * <request>` (the same, by the signal of a lease that is over).
 */
export type Choice = string;

/** What can happen now. */
export interface Choices {
  /** The first goes on with what happened last. */
  readonly plain: readonly Choice[];
  readonly faults: readonly Choice[];
}

export interface Run {
  readonly world: World;
  /** What happened, for people. */
  readonly schedule: readonly string[];
  choices(): Choices;
  /** Lets it happen, and all that follows without a request. */
  step(choice: Choice): Promise<void>;
  /** Nothing is in hand or on its way. */
  isQuiet(): boolean;
  /** What is wrong at a quiet moment; undefined where all is well. */
  fault(): string | undefined;
  /** Runs that are here with equal keys have equal futures. */
  key(): string;
}

export function startRun(protocol: Protocol, bounds: Bounds): Run {
  const world = newWorld(bounds);
  const schedule: string[] = [];
  let last = 0;
  return {
    world,
    schedule,
    choices: () => choicesOf(world, last),
    async step(choice) {
      const [verb = "", number = "0", what = "0"] = choice.split(" ");
      schedule.push(describe(world, choice));
      last = verb === "world" ? last : Number(number);
      act(protocol, world, { verb, number: Number(number), what });
      // Everything up to the next request is promises alone.
      await new Promise(setImmediate);
      if (isQuiet(world)) noteGood(world);
    },
    isQuiet: () => isQuiet(world),
    fault: () => faultOf(world),
    key: () => keyOf(world, last),
  };
}

function describe(world: World, choice: Choice): string {
  const [verb, number, at] = choice.split(" ");
  if (verb === "world") return `world: ${world.script[0]}`;
  const label = world.workers[Number(number)]?.requests[Number(at ?? 0)]?.label;
  return label === undefined ? choice : `${verb} ${number}: ${label}`;
}

function choicesOf(world: World, last: number): Choices {
  const plain: Choice[] = [];
  const faults: Choice[] = [];
  const order = [last, ...world.workers.keys()].filter((number, at, all) => all.indexOf(number) === at);
  const later: Choice[] = [];
  for (const number of order) {
    const worker = world.workers[number];
    if (worker === undefined || worker.requests.length === 0) continue;
    for (const [at, request] of worker.requests.entries()) {
      // One whose lease is over is a slow one.
      (worker.own ? plain : later).push(`go ${number} ${at}`);
      faults.push(...faultsOf(world, worker, request).map((verb) => `${verb} ${number} ${at}`));
    }
    if (world.left.crashes > 0) faults.push(`die ${number}`);
    if (world.left.expiries > 0 && canExpire(worker)) faults.push(`expire ${number}`);
  }
  const idle = order.find((number) => isIdle(world.workers[number]));
  const stages = new Set(world.queue.map(({ stage }) => stage));
  if (idle !== undefined) plain.push(...[...stages].map((stage) => `receive ${idle} ${stage}`));
  plain.push(...later);
  if (world.script !== "") plain.push("world");
  return { plain, faults };
}

/** An intent or a commit that hangs is cut off within the lease's margin, before the message is handed on. */
function canExpire(worker: Worker): boolean {
  return (
    worker.own &&
    worker.message !== undefined &&
    !worker.requests.some(({ label }) => label === "intent" || label === "commit")
  );
}

function faultsOf(world: World, worker: Worker, request: Request): readonly string[] {
  const verbs: string[] = [];
  if (world.left.lostAnswers > 0 && request.conditional) verbs.push("lose");
  if (world.left.refusals > 0) verbs.push("refuse", "cut");
  if (!worker.own && request.abortable) verbs.push("abort", "late");
  return verbs;
}

function isIdle(worker: Worker | undefined): boolean {
  return worker !== undefined && worker.message === undefined && worker.requests.length === 0;
}

function isQuiet(world: World): boolean {
  return world.queue.length === 0 && world.workers.every(isIdle);
}

function act(
  protocol: Protocol,
  world: World,
  choice: { readonly verb: string; readonly number: number; readonly what: string },
): void {
  const worker = world.workers[choice.number];
  if (worker === undefined) throw new Error(`there is no worker ${choice.number}`);
  switch (choice.verb) {
    case "world":
      return changeSource(world);
    case "receive":
      return receive(protocol, world, worker, choice.what);
    case "die":
      return die(world, worker);
    case "expire":
      world.left.expiries -= 1;
      worker.own = false;
      worker.seen.push("expired");
      if (worker.message !== undefined && !world.deleted.has(worker.message.id)) world.queue.push(worker.message);
      return undefined;
    default:
      return answer(world, worker, choice);
  }
}

function changeSource(world: World): void {
  const content = world.script[0] ?? "";
  world.script = world.script.slice(1);
  if (content !== "r" && content !== "=") world.replays = 0;
  if (content === "-") {
    world.objects.delete(rawKey);
    world.hasGood = false;
  } else if (content === "r") {
    world.replays += 1;
  } else if (content !== "=") {
    store(world, rawKey, content);
  }
  send(world, "cleaner", content === "r" ? `replay-${world.next.message}` : undefined);
}

function die(world: World, worker: Worker): void {
  world.left.crashes -= 1;
  worker.dead = true;
  for (const key of worker.late) world.orphans.add(key);
  if (worker.own && worker.message !== undefined && !world.deleted.has(worker.message.id))
    world.queue.push(worker.message);
  world.workers[world.workers.indexOf(worker)] = newWorker();
}

function answer(world: World, worker: Worker, choice: { readonly verb: string; readonly what: string }): void {
  const { verb } = choice;
  const [request] = worker.requests.splice(Number(choice.what), 1);
  if (request === undefined) throw new Error(`there is no request ${choice.what}`);
  const fail = (error: Error): void => {
    worker.seen.push(`${request.label}: ${error.name}`);
    request.reject(error);
  };
  if (verb === "lose") world.left.lostAnswers -= 1;
  if (verb === "refuse" || verb === "cut") {
    world.left.refusals -= 1;
    // Tidying up was refused: what it was about is reconciliation's work.
    if (request.label === "delete" || request.label === "read manifest")
      for (const key of worker.late) world.orphans.add(key);
  }
  if (verb === "abort" || verb === "late") worker.abort.abort();
  if (verb === "refuse") return fail(simulatedError("SlowDown", 503));
  if (verb === "abort") return fail(simulatedError("AbortError"));
  const result = request.run();
  if (verb === "late" || verb === "cut") return fail(simulatedError(verb === "late" ? "AbortError" : "TimeoutError"));
  if ("error" in result) return fail(result.error);
  if (verb === "lose") return fail(simulatedError("PreconditionFailed", 412));
  worker.seen.push(`${request.label}: ${result.seen}`);
  return request.resolve(result.value);
}

function receive(protocol: Protocol, world: World, worker: Worker, stage: string): void {
  const message = world.queue.find((waiting) => waiting.stage === stage);
  if (message === undefined) throw new Error("there is no message");
  world.queue = world.queue.filter((waiting) => waiting !== message);
  const fresh = Object.assign(worker, { ...newWorker(), message, seen: [`message m${message.id}`] });
  const s3 = storeOf(world, fresh);
  const manifests = protocol.createManifestStore(s3, "ops");
  const toy = { world, worker: fresh, s3, manifests };
  const deps = {
    stage: message.stage === "cleaner" ? toyCleaner(toy) : toyJoiner(toy),
    s3,
    manifests,
    clock: clockOf(world, fresh),
    settings: { buckets: { silver: "silver", gold: "gold" }, scratch: noFolders, workerVersion: "test" },
  };
  protocol.align(deps, target, handOf(world, fresh)).then(
    () => settle(world, fresh, true),
    (error: unknown) => {
      if (!isTransient(error)) world.broken ??= error instanceof Error ? error.stack : String(error);
      settle(world, fresh, false);
    },
  );
}

/** Nothing is ever written into one. */
const noFolders: ScratchFolders = {
  take: async () => ({ path: "", [Symbol.asyncDispose]: async () => {} }),
  [Symbol.asyncDispose]: async () => {},
};

function settle(world: World, worker: Worker, acknowledged: boolean): void {
  const { message } = worker;
  if (worker.dead || message === undefined) return;
  worker.message = undefined;
  worker.seen = [];
  worker.late.clear();
  if (!acknowledged) {
    if (worker.own && !world.deleted.has(message.id)) world.queue.push(message);
  } else if (!worker.own) {
    // A stale receipt deletes the message that waits again, or that another holds.
    world.queue = world.queue.filter(({ id }) => id !== message.id);
    world.deleted.add(message.id);
  }
}

function handOf(world: World, worker: Worker): Hand {
  return {
    lease: {
      isOver: () => !worker.own,
      check: () => {
        if (!worker.own) throw new TransientError("the lease is over");
      },
    },
    signal: worker.abort.signal,
    log: undefined as unknown as Hand["log"],
    ...(worker.message?.replayId === undefined ? {} : { replayId: worker.message.replayId }),
    recordFailure: async () => "failures/record.json",
    park: async () => {
      const run = () => {
        world.parked += 1;
        return { value: {}, seen: "" };
      };
      await ask(worker, { label: "park", run });
    },
  };
}

function clockOf(world: World, worker: Worker): Clock {
  return {
    now: () => new Date(0),
    monotonicMs: () => 0,
    newId: () => `a${world.next.attempt++}`,
    random: () => 0,
    sleep: async (_ms, signal) => {
      if (signal?.aborted === true) throw simulatedError("AbortError");
      // A new round knows nothing of the last.
      worker.seen = worker.seen.slice(0, 1);
    },
  };
}

function noteGood(world: World): void {
  const content = world.objects.get(rawKey)?.body;
  if (content !== undefined && content !== "!" && faultOf(world) === undefined) world.hasGood = true;
}

function faultOf(world: World): string | undefined {
  if (world.broken !== undefined) return world.broken;
  const content = world.objects.get(rawKey)?.body;
  const state = content === undefined ? "retracted" : content === "!" ? "rejected" : "current";
  const manifest = manifestOf(world, "cleaner");
  if (manifest === undefined ? content !== undefined : manifest.state !== state)
    return `state ${manifest?.state}, but the source is ${content}`;
  if (content === "!" && world.parked === 0) return "a rejected source was never parked";
  if (content === "!" && world.replays > 0 && manifest?.rejection?.replayId === undefined)
    return "a replay did not try what was rejected";
  const last = world.bounds.chained ? "joiner" : "cleaner";
  const contents = (manifestOf(world, last)?.outputs ?? []).map((part) => part.key.split("/")[2]?.[0] ?? "");
  if (content === "!" ? contents.includes("!") : contents.some((made) => made !== content))
    return `outputs ${contents.join()}, but the source is ${content}`;
  const parts = last === "joiner" ? 1 : world.bounds.parts;
  const wanted = content === undefined ? 0 : content === "!" ? (world.hasGood ? parts : contents.length) : parts;
  if (contents.length !== wanted) return `${contents.length} outputs, but the source is ${content}`;
  return partsFault(world) ?? toldFault(world, last);
}

function partsFault(world: World): string | undefined {
  const named = (["cleaner", "joiner"] as const).flatMap(
    (stage) => manifestOf(world, stage)?.outputs.map(({ bucket, key }) => `${bucket}/${key}`) ?? [],
  );
  const there = [...world.objects.keys()].filter((key) => !key.startsWith("ops/") && key !== rawKey);
  const missing = named.filter((key) => !there.includes(key));
  if (missing.length > 0) return `a named part is missing: ${missing.join()}`;
  const extra = there.filter((key) => !named.includes(key) && !world.orphans.has(key));
  return extra.length > 0 ? `left over: ${extra.join()}` : undefined;
}

function toldFault(world: World, last: StageName): string | undefined {
  if (world.told !== outputsText(world, last)) return "the next stage was not told";
  return world.untold.size > 0 ? `not announced: ${[...world.untold].join()}` : undefined;
}

/** The workers are alike, and so are attempts, messages and ETags: their names are those of their first appearance. */
function keyOf(world: World, last: number): string {
  const workers = world.workers.map((worker, number) =>
    JSON.stringify([
      worker.message,
      worker.own,
      worker.abort.signal.aborted,
      worker.seen,
      worker.requests.map(({ label }) => label),
      [...worker.late],
      number === last,
    ]),
  );
  const objects = [...world.objects].map(([key, { etag, body }]) => `${key} ${etag} ${essence(key, body, world)}`);
  const { queue, script, left, orphans, deleted, told, untold, hasGood } = world;
  const rest = [
    queue,
    script,
    left,
    [...orphans].toSorted(inOrder),
    [...deleted],
    told,
    [...untold].toSorted(inOrder),
    Math.min(world.parked, 1),
    world.replays,
    hasGood,
  ];
  const text = [...workers.toSorted(byShape), ...objects.toSorted(byShape), JSON.stringify(rest)].join("|");
  const names = new Map<string, string>();
  const renamed = text.replaceAll(namePattern, (name) => names.get(name) ?? nameAnew(names, name));
  return createHash("sha1").update(renamed).digest("base64");
}

const namePattern = /\b(?:[aem]|"id":)\d+\b/g;

function nameAnew(names: Map<string, string>, name: string): string {
  const anew = `#${names.size}`;
  names.set(name, anew);
  return anew;
}

function byShape(one: string, other: string): number {
  return inOrder(one.replaceAll(namePattern, "#"), other.replaceAll(namePattern, "#"));
}

function inOrder(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
