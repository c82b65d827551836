/** Workers as processes, killed at random and started again; the sources change meanwhile. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";

import { datasetsFolder } from "../../src/embedded.ts";
import type { OpenedLake } from "../../src/opened-lake.ts";
import { type Random, createRandom } from "../../src/sample/prng.ts";
import { type Deal, createDeal } from "./dealt.ts";
import { cutUpload } from "./mishaps.ts";
import type { Place } from "./place.ts";
import type { Step } from "./plan.ts";
import { type Slot, createSlot } from "./slot.ts";
import { onSmallDisk } from "./small-disk.ts";
import type { Orders } from "./worker.ts";

const kinds = ["cleaner", "joiner", "catalog-sync"] as const;
type Kind = (typeof kinds)[number];
const roles = { cleaner: "clean", joiner: "join", "catalog-sync": "catalog" } as const;
const nextRoles = { cleaner: "join", joiner: "catalog", "catalog-sync": "catalog" } as const;

/** Short, so that what a dead worker held comes back while the storm lasts. */
const visibilitySeconds = 6;

export interface Storm {
  readonly place: Place;
  readonly steps: readonly Step[];
  readonly seed: number;
  /** The share of requests that go wrong, and how often a worker is killed. */
  readonly share: number;
  readonly killEveryMs: number;
  readonly minutes: number;
  /** So many of each kind. */
  readonly workers: number;
  /** What failed comes back after so many seconds at the latest; undefined: as the workers wish. */
  readonly mostRetrySeconds: number | undefined;
  /** Whether scratch folders are small disks that are filled. */
  readonly smallDisks: boolean;
  readonly mutant?: string | undefined;
  readonly onTick: (done: { readonly steps: number; readonly kills: number }) => void;
}

export interface Survived {
  readonly kills: number;
  /** Workers that ended by themselves, which none should. */
  readonly crashes: readonly string[];
}

/** Applies every step while chaos reigns, for so many minutes at least; gives how many deaths there were. */
export async function storm(given: Storm): Promise<Survived> {
  const random = createRandom(given.seed, "driver");
  const deal = createDeal(given.place.folder, "driver");
  const crashes: string[] = [];
  const crew = kinds.flatMap((kind) =>
    Array.from({ length: given.workers }, (_, at) => slotOf(given, { kind, at, random, crashes })),
  );
  await Promise.all(crew.map(async (slot) => slot.started()));
  given.place.storm();
  let kills = 0;
  const over = new AbortController();
  const killing = (async () => {
    for (;;) {
      await wait(given.killEveryMs * (0.5 + random.unit()));
      if (over.signal.aborted) break;
      const signal = random.chance(0.75) ? "SIGKILL" : "SIGTERM";
      await random.pick(crew).restart(signal);
      deal(`worker ended by ${signal}`);
      kills += 1;
    }
  })();
  await applyAll(given, { deal, kills: () => kills, crashes });
  over.abort();
  await killing;
  given.onTick({ steps: given.steps.length, kills });
  await Promise.all(crew.map(async (slot) => slot.end()));
  return { kills, crashes };
}

async function applyAll(
  given: Storm,
  { deal, kills, crashes }: { readonly deal: Deal; readonly kills: () => number; readonly crashes: readonly string[] },
): Promise<void> {
  const random = createRandom(given.seed, "uploads");
  const pace = (given.minutes * 60_000) / Math.max(1, given.steps.length);
  const startedMs = Date.now();
  for (const [at, step] of given.steps.entries()) {
    if (crashes.length > 0) return;
    // In bursts: now and then it waits until the clock has caught up.
    const aheadMs = at * pace - (Date.now() - startedMs);
    if (aheadMs > 1000) await wait(aheadMs);
    if (step.change === "put" && random.chance(given.share)) await cutShort(given.place.opened, step, deal);
    await apply(given.place.opened, step);
    if (at % 20 === 0) given.onTick({ steps: at, kills: kills() });
  }
  // The last change, too, is to see the whole of the storm.
  const leftMs = given.minutes * 60_000 - (Date.now() - startedMs);
  if (leftMs > 0) await wait(leftMs);
}

/** Plain workers, of the same code but without chaos, until nothing is left on the queues. Throws after so many minutes. */
export async function calm(given: Storm, minutes: number): Promise<void> {
  given.place.calm();
  const crashes: string[] = [];
  const plain: Storm = { ...given, share: 0, smallDisks: false };
  const crew = kinds.flatMap((kind) =>
    Array.from({ length: given.workers }, (_, at) =>
      slotOf(plain, { kind, at, random: createRandom(0, kind), crashes }),
    ),
  );
  try {
    const untilMs = Date.now() + minutes * 60_000;
    while (!(await given.place.isQuiet())) {
      if (Date.now() > untilMs) throw new Error(`not quiet after ${minutes} minutes without chaos`);
      if (crashes.length > 0) throw new Error(`a worker ended: ${crashes.join("; ")}`);
      await wait(100);
    }
  } finally {
    await Promise.all(crew.map(async (slot) => slot.end()));
  }
}

interface Who {
  readonly kind: Kind;
  readonly at: number;
  readonly random: Random;
  readonly crashes: string[];
}

function slotOf(given: Storm, who: Who): Slot {
  const name = `${who.kind}-${who.at}`;
  const deal = createDeal(given.place.folder, "driver");
  return createSlot({
    name,
    logFile: join(given.place.folder, `${name}.log`),
    spawn: () => spawnWorker(given, who),
    couldNotStart: () => deal("worker could not start"),
    crashed: (what) => who.crashes.push(what),
  });
}

function spawnWorker(
  { place, share, smallDisks, mutant, mostRetrySeconds }: Storm,
  { kind, at, random }: Who,
): ChildProcess {
  const scratch = join(place.folder, `scratch-${kind}-${at}`);
  mkdirSync(scratch, { recursive: true });
  const isOnSmallDisk = smallDisks && kind !== "catalog-sync";
  const orders: Orders = {
    seed: random.below(0x7fff_ffff),
    share,
    folder: place.folder,
    visibilityMs: visibilitySeconds * 1000,
    mostRetrySeconds,
    smallDisk: isOnSmallDisk ? scratch : undefined,
    mutant,
  };
  const worker = [fileURLToPath(new URL("./worker.ts", import.meta.url)), kind, JSON.stringify(orders)];
  const [command, ...args] = isOnSmallDisk ? [...onSmallDisk(scratch), process.execPath] : [process.execPath];
  return spawn(command ?? "", [...args, ...worker], {
    env: envOf(place, { kind, scratch }),
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function envOf(
  { opened, env, catalogFile }: Place,
  { kind, scratch }: { readonly kind: Kind; readonly scratch: string },
): NodeJS.ProcessEnv {
  const { buckets, queues } = opened.topology;
  return {
    ...process.env,
    CATALOG: "duckdb",
    ...(catalogFile === undefined ? {} : { CATALOG_FILE: catalogFile }),
    ...env,
    QUEUE: queues[roles[kind]].name,
    DEAD_LETTER_QUEUE: queues[roles[kind]].deadLetterName,
    NEXT_QUEUE: queues[nextRoles[kind]].name,
    RAW_BUCKET: buckets.raw,
    SILVER_BUCKET: buckets.silver,
    GOLD_BUCKET: buckets.gold,
    OPS_BUCKET: buckets.ops,
    DATASETS_FOLDER: datasetsFolder(),
    SCRATCH_FOLDER: scratch,
    VISIBILITY_TIMEOUT_SECONDS: String(visibilitySeconds),
    WAIT_TIME_SECONDS: "1",
    DRAIN_TIMEOUT_SECONDS: "5",
    LOG_LEVEL: "info",
    ...(kind === "catalog-sync" ? {} : { DUCKDB_THREADS: "1", DUCKDB_MEMORY_MB: "256", CONCURRENCY: "4" }),
    ...(kind === "cleaner" ? { FUSE_SHARE_PERCENT: "100" } : {}),
  };
}

async function apply({ s3, topology }: OpenedLake, { key, change, body }: Step): Promise<void> {
  const where = { Bucket: topology.buckets.raw, Key: key };
  if (change === "remove") await s3.send(new DeleteObjectCommand(where));
  else await s3.send(new PutObjectCommand({ ...where, Body: body }));
}

/** An upload that dies half way: nothing of it may be there afterwards. */
async function cutShort({ s3, topology }: OpenedLake, { key, body }: Step, deal: Deal): Promise<void> {
  const whole = new PutObjectCommand({ Bucket: topology.buckets.raw, Key: key, Body: body });
  const error: unknown = await cutUpload(whole, async (command, options) => s3.send(command, options)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error === undefined) throw new Error(`${key}: the store took half an upload for a whole one`);
  deal("upload of a source cut");
}
