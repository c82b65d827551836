/** Workers as real processes on a test's lake: plain ones, and ones with a trap. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { type Pipeline, projectDatasets } from "../pipeline/pipeline.ts";
import type { Caught, Snare, Step } from "./trap.ts";

export type WorkerName = "cleaner" | "joiner" | "catalog-sync";
export const workerNames: readonly WorkerName[] = ["cleaner", "joiner", "catalog-sync"];

export const queueOf = { cleaner: "clean", joiner: "join", "catalog-sync": "catalog" } as const;

export interface Child extends AsyncDisposable {
  /** What its trap has told, oldest first. */
  readonly caught: readonly Caught[];
  /** How often a source came to a step. */
  count(key: string, step: Step): number;
  release(): void;
  /** Sends the signal and waits for the end. */
  end(signal: "SIGKILL" | "SIGTERM"): Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** What it logged; for a test that fails. */
  log(): string;
}

/** A worker's own main.ts. */
export function startPlain(pipeline: Pipeline, worker: WorkerName, env: Readonly<Record<string, string>> = {}): Child {
  const main = fileURLToPath(new URL(`../../../services/${worker}/src/main.ts`, import.meta.url));
  return start([main], { ...settingsOf(pipeline, worker), ...env });
}

/** The same worker with snares in its way. */
export function startVictim(
  pipeline: Pipeline,
  worker: WorkerName,
  snares: readonly Snare[],
  env: Readonly<Record<string, string>> = {},
): Child {
  const main = fileURLToPath(new URL("victim.ts", import.meta.url));
  return start([main, worker], { ...settingsOf(pipeline, worker), SNARES: JSON.stringify(snares), ...env });
}

function start(args: readonly string[], env: Readonly<Record<string, string>>): Child {
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe", "ipc"] });
  const ended = once(child, "exit");
  const caught: Caught[] = [];
  child.on("message", (message) => caught.push(message as Caught));
  // It may be gone when it is released.
  child.on("error", () => {});
  const log = logOf(child);
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    caught,
    count: (key, step) => caught.filter((one) => one.key === key && one.step === step).length,
    release: () => void child.send("release"),
    async end(signal) {
      child.kill(signal);
      await ended;
      return { code: child.exitCode, signal: child.signalCode };
    },
    log,
    async [Symbol.asyncDispose]() {
      if (!isOver()) child.kill("SIGKILL");
      await ended;
    },
  };
}

function logOf(child: ChildProcess): () => string {
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (chunk: string) => chunks.push(chunk));
  return () => chunks.join("");
}

function settingsOf({ lake }: Pipeline, worker: WorkerName): Readonly<Record<string, string>> {
  const queues = { cleaner: ["clean", "join"], joiner: ["join", "catalog"], "catalog-sync": ["catalog"] } as const;
  const [queue, next] = queues[worker];
  return {
    QUEUE: queue,
    DEAD_LETTER_QUEUE: `${queue}-dlq`,
    ...(next === undefined
      ? { CATALOG: "duckdb", CATALOG_FILE: join(lake.folder, "catalog.duckdb") }
      : { NEXT_QUEUE: next }),
    RAW_BUCKET: "raw",
    SILVER_BUCKET: "silver",
    GOLD_BUCKET: "gold",
    OPS_BUCKET: "ops",
    LAKE_FOLDER: lake.folder,
    SCRATCH_FOLDER: join(lake.folder, "scratch"),
    DATASETS_FOLDER: projectDatasets,
    VISIBILITY_TIMEOUT_SECONDS: "2",
    DRAIN_TIMEOUT_SECONDS: "10",
    WAIT_TIME_SECONDS: "1",
    ...(worker === "catalog-sync" ? {} : { DUCKDB_MEMORY_MB: "256", DUCKDB_THREADS: "1" }),
  };
}
