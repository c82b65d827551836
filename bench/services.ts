/** The services as processes of their own on one lake, with their default limits, watched: memory, scratch, health. */
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { type EmbeddedLake, datasetsFolder, openEmbedded, pipelineRoles } from "../cli/src/embedded.ts";
import { openLake } from "../cli/src/lake.ts";
import { systemClock } from "../shared/src/clock.ts";
import { catalogFileOf } from "../shared/src/embedded/catalog-file.ts";
import { type Running, startChild } from "./child.ts";
import { memoryMb } from "./measure.ts";

export interface Watched {
  readonly name: string;
  readonly rssMb: number;
  readonly peakRssMb: number;
  readonly peakScratchMb: number;
  /** The slowest answer of /health/live; Infinity where one did not come at all. */
  readonly slowestLiveMs: number;
  /** Answers that took longer than a second. */
  readonly lateLives: number;
}

export interface Services extends AsyncDisposable {
  readonly opened: EmbeddedLake;
  /** Waits for `work`, and then until the queues are at rest. Throws where a service ends. */
  watch(work: Promise<void>, onSample?: (now: readonly Watched[]) => void): Promise<readonly Watched[]>;
}

interface Service {
  readonly name: string;
  readonly running: Running;
  readonly scratch: string;
  readonly live: string;
  seen: Watched;
}

const firstPort = 28_700;
const sampleEveryMs = 200;

export async function startServiceProcesses(folder: string): Promise<Services> {
  await using closing = new AsyncDisposableStack();
  const lake = await openLake(join(folder, "lake"), "create");
  const opened = closing.use(await openEmbedded(lake, systemClock));
  const services = (["cleaner", "joiner", "catalog-sync"] as const).map((name, at) => {
    const service = startService(opened, { name, at, scratch: join(folder, "scratch", name) });
    closing.defer(async () => {
      service.running.child.kill("SIGTERM");
      await service.running.ended;
    });
    return service;
  });
  for (let tries = 0; (await Promise.all(services.map(askLive))).includes(Infinity); tries += 1) {
    services.forEach(throwIfEnded);
    if (tries > 300) throw new Error("the services do not start");
    await wait(100);
  }
  const open = closing.move();
  return {
    opened,
    watch: async (work, onSample) => {
      let isDone = false;
      const done = Promise.allSettled([work]).then(() => (isDone = true));
      for (let isQuiet = false; !isQuiet; isQuiet = isDone && opened.isQuiet(pipelineRoles)) {
        services.forEach(throwIfEnded);
        await Promise.all([wait(sampleEveryMs), ...services.map(look)]);
        onSample?.(services.map(({ seen }) => seen));
      }
      await Promise.all([done, work]);
      return services.map(({ seen }) => seen);
    },
    [Symbol.asyncDispose]: async () => open.disposeAsync(),
  };
}

function startService(
  { lake, topology: { buckets, queues } }: EmbeddedLake,
  { name, at, scratch }: { readonly name: string; readonly at: number; readonly scratch: string },
): Service {
  const role = (["clean", "join", "catalog"] as const)[at] ?? "clean";
  mkdirSync(scratch, { recursive: true });
  const running = startChild(`services/${name}/src/main.ts`, [], {
    LAKE_FOLDER: lake.folder,
    QUEUE: queues[role].name,
    DEAD_LETTER_QUEUE: queues[role].deadLetterName,
    NEXT_QUEUE: queues[role === "clean" ? "join" : "catalog"].name,
    RAW_BUCKET: buckets.raw,
    SILVER_BUCKET: buckets.silver,
    GOLD_BUCKET: buckets.gold,
    OPS_BUCKET: buckets.ops,
    DATASETS_FOLDER: datasetsFolder(),
    CATALOG: "duckdb",
    CATALOG_FILE: catalogFileOf(lake.folder),
    SCRATCH_FOLDER: scratch,
    PORT: String(firstPort + at),
    LOG_LEVEL: "warn",
    // As in the services' image.
    UV_THREADPOOL_SIZE: "16",
  });
  const seen = { name, rssMb: 0, peakRssMb: 0, peakScratchMb: 0, slowestLiveMs: 0, lateLives: 0 };
  return { name, running, scratch, live: `http://127.0.0.1:${firstPort + at}/health/live`, seen };
}

function throwIfEnded({ name, running: { child } }: Service): void {
  if (child.exitCode !== null || child.signalCode !== null)
    throw new Error(`the ${name} has ended: ${child.exitCode ?? child.signalCode}`);
}

async function look(service: Service): Promise<void> {
  const { seen, running, scratch } = service;
  const liveMs = await askLive(service);
  service.seen = {
    ...seen,
    rssMb: memoryMb(running.child.pid ?? 0, "VmRSS"),
    peakRssMb: memoryMb(running.child.pid ?? 0, "VmHWM"),
    peakScratchMb: Math.max(seen.peakScratchMb, bytesOnDisk(scratch) / 1e6),
    slowestLiveMs: Math.max(seen.slowestLiveMs, liveMs),
    lateLives: seen.lateLives + (liveMs > 1000 ? 1 : 0),
  };
}

/** How long the answer takes; Infinity where none comes in ten seconds. */
async function askLive({ live }: Service): Promise<number> {
  const from = performance.now();
  try {
    await (await fetch(live, { signal: AbortSignal.timeout(10_000) })).text();
    return performance.now() - from;
  } catch {
    return Infinity;
  }
}

/** Blocks that files below the folder take; what goes away meanwhile counts as nothing. */
function bytesOnDisk(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory() !== true) return (found?.blocks ?? 0) * 512;
  try {
    return readdirSync(path).reduce((sum, name) => sum + bytesOnDisk(join(path, name)), 0);
  } catch {
    return 0;
  }
}
