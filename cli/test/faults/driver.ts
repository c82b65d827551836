/** Workers as processes, killed at random and started again; the sources change meanwhile. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";

import { type EmbeddedLake, datasetsFolder } from "../../src/embedded.ts";
import { type Random, createRandom } from "../../src/sample/prng.ts";
import { catalogFileOf } from "@airlake/shared/embedded/catalog-file";
import type { Step } from "./plan.ts";

const kinds = ["cleaner", "joiner", "catalog-sync"] as const;
type Kind = (typeof kinds)[number];
const roles = { cleaner: "clean", joiner: "join", "catalog-sync": "catalog" } as const;
const nextRoles = { cleaner: "join", joiner: "catalog", "catalog-sync": "catalog" } as const;

export interface Storm {
  readonly opened: EmbeddedLake;
  readonly steps: readonly Step[];
  readonly seed: number;
  /** The share of requests that go wrong, and how often a worker is killed. */
  readonly share: number;
  readonly killEveryMs: number;
  readonly minutes: number;
  /** So many of each kind. */
  readonly workers: number;
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
  const crashes: string[] = [];
  const crew = kinds.flatMap((kind) =>
    Array.from({ length: given.workers }, (_, at) => createSlot(given, { kind, at, random, crashes })),
  );
  const pace = (given.minutes * 60_000) / Math.max(1, given.steps.length);
  let kills = 0;
  const over = new AbortController();
  const killing = (async () => {
    for (;;) {
      await wait(given.killEveryMs * (0.5 + random.unit()));
      if (over.signal.aborted) break;
      await random.pick(crew).restart(random.chance(0.75) ? "SIGKILL" : "SIGTERM");
      kills += 1;
    }
  })();
  const startedMs = Date.now();
  for (const [at, step] of given.steps.entries()) {
    // In bursts: now and then it waits until the clock has caught up.
    const aheadMs = at * pace - (Date.now() - startedMs);
    if (aheadMs > 1000) await wait(aheadMs);
    await apply(given.opened, step);
    if (at % 20 === 0) given.onTick({ steps: at, kills });
  }
  over.abort();
  await killing;
  given.onTick({ steps: given.steps.length, kills });
  await Promise.all(crew.map(async (slot) => slot.end()));
  return { kills, crashes };
}

/** Plain workers, of the same code but without chaos, until nothing is left on the queues. Throws after so many minutes. */
export async function calm(given: Storm, minutes: number): Promise<void> {
  const crashes: string[] = [];
  const crew = kinds.map((kind) =>
    createSlot({ ...given, share: 0 }, { kind, at: 0, random: createRandom(0, kind), crashes }),
  );
  try {
    const untilMs = Date.now() + minutes * 60_000;
    while (!given.opened.isQuiet(["clean", "join", "catalog"])) {
      if (Date.now() > untilMs) throw new Error(`not quiet after ${minutes} minutes without chaos`);
      if (crashes.length > 0) throw new Error(`a worker ended: ${crashes.join("; ")}`);
      await wait(100);
    }
  } finally {
    await Promise.all(crew.map(async (slot) => slot.end()));
  }
}

interface Slot {
  restart(signal: "SIGKILL" | "SIGTERM"): Promise<void>;
  end(): Promise<void>;
}

function createSlot(
  given: Storm,
  who: { readonly kind: Kind; readonly at: number; readonly random: Random; readonly crashes: string[] },
): Slot {
  const start = (): ChildProcess => {
    const seed = String(who.random.below(0x7fff_ffff));
    const file = fileURLToPath(new URL("./worker.ts", import.meta.url));
    const args = [file, who.kind, seed, String(given.share), ...(given.mutant === undefined ? [] : [given.mutant])];
    const started = spawn(process.execPath, args, { env: envOf(given.opened, who), stdio: ["ignore", "pipe", "pipe"] });
    const log = createWriteStream(join(given.opened.lake.folder, `${who.kind}-${who.at}.log`), { flags: "a" });
    started.stdout.pipe(log, { end: false });
    started.stderr.pipe(log, { end: false });
    started.once("exit", (code, signal) => {
      if (started === child) who.crashes.push(`${who.kind} by itself with ${code ?? signal}, see its log`);
    });
    return started;
  };
  let child: ChildProcess | undefined = start();
  const stop = async (signal: "SIGKILL" | "SIGTERM"): Promise<void> => {
    const old = child;
    child = undefined;
    if (old === undefined || old.exitCode !== null || old.signalCode !== null) return;
    const ended = once(old, "exit");
    old.kill(signal);
    const timer = setTimeout(() => old.kill("SIGKILL"), 20_000);
    await ended;
    clearTimeout(timer);
  };
  process.once("exit", () => void child?.kill("SIGKILL"));
  return {
    async restart(signal) {
      await stop(signal);
      child = start();
    },
    end: async () => stop("SIGTERM"),
  };
}

function envOf(
  { lake, topology: { buckets, queues } }: EmbeddedLake,
  { kind, at }: { readonly kind: Kind; readonly at: number },
): NodeJS.ProcessEnv {
  return {
    ...process.env,
    LAKE_FOLDER: lake.folder,
    QUEUE: queues[roles[kind]].name,
    DEAD_LETTER_QUEUE: queues[roles[kind]].deadLetterName,
    NEXT_QUEUE: queues[nextRoles[kind]].name,
    RAW_BUCKET: buckets.raw,
    SILVER_BUCKET: buckets.silver,
    GOLD_BUCKET: buckets.gold,
    OPS_BUCKET: buckets.ops,
    DATASETS_FOLDER: datasetsFolder(),
    CATALOG: "duckdb",
    CATALOG_FILE: catalogFileOf(lake.folder),
    SCRATCH_FOLDER: join(lake.folder, ".airlake", `scratch-${kind}-${at}`),
    VISIBILITY_TIMEOUT_SECONDS: "6",
    WAIT_TIME_SECONDS: "1",
    DRAIN_TIMEOUT_SECONDS: "5",
    LOG_LEVEL: "info",
    ...(kind === "catalog-sync" ? {} : { DUCKDB_THREADS: "1", DUCKDB_MEMORY_MB: "256", CONCURRENCY: "4" }),
    ...(kind === "cleaner" ? { FUSE_SHARE_PERCENT: "100" } : {}),
  };
}

async function apply({ s3, topology }: EmbeddedLake, { key, change, body }: Step): Promise<void> {
  const where = { Bucket: topology.buckets.raw, Key: key };
  if (change === "remove") await s3.send(new DeleteObjectCommand(where));
  else await s3.send(new PutObjectCommand({ ...where, Body: body }));
}
