/** The embedded pipeline, started once and given sources again and again: what `airlake run` does, without its start. */
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { type EmbeddedLake, openEmbedded, pipelineRoles, startServices } from "../cli/src/embedded.ts";
import { openLake } from "../cli/src/lake.ts";
import { type Entry, placeOf, readEntries } from "../cli/src/ledger.ts";
import type { NamedSource } from "../cli/src/named-sources.ts";
import { untilQuiet } from "../cli/src/pipeline.ts";
import { runFiles } from "../cli/src/run-files.ts";
import type { Session } from "../cli/src/session.ts";
import { uploadWhatDiffers } from "../cli/src/upload.ts";
import { createWatch } from "../cli/src/watch.ts";
import { systemClock } from "../shared/src/clock.ts";
import { parseJson } from "../shared/src/contracts/s3-event.ts";
import type { Manifest } from "../shared/src/contracts/manifest.ts";
import { createEngineMeter } from "./engine-meter.ts";
import { type Spent, startStopwatch, timed } from "./measure.ts";

/** What one service did of the last run. */
export interface Stage {
  /** From a message's receipt to its settlement, as the service logs it; CPU time since the stage before was settled. */
  readonly whole: Spent;
  /** While a DuckDB statement of it ran. */
  readonly engine: Spent;
}

export interface Pipeline extends AsyncDisposable {
  readonly opened: EmbeddedLake;
  /** Brings sources in and waits until all is done. Throws where one is rejected. */
  run(sources: readonly NamedSource[]): Promise<Spent>;
  /** What cleaner and joiner did in the last run, if it was of one source. */
  stages(): Readonly<Record<string, Stage>>;
  /** Resolves when the catalog knows all partitions of the source. Ask before it is put. */
  catalogued(key: string): Promise<void>;
}

const settledLine = z.object({
  msg: z.literal("message settled"),
  service: z.string(),
  key: z.string().optional(),
  durationMs: z.number(),
});

export async function openPipeline(folder: string): Promise<Pipeline> {
  await using closing = new AsyncDisposableStack();
  await mkdir(folder, { recursive: true });
  const meter = await createEngineMeter(folder);
  const waiting = new Map<string, () => void>();
  const stages: Record<string, Stage> = {};
  let lap = startStopwatch();
  const watch = createWatch({
    onLine: (line) => {
      const { data: settled } = settledLine.safeParse(parseJson(line));
      if (settled === undefined) return;
      const { service, durationMs } = settled;
      if (service === "catalog-sync") return waiting.get(settled.key ?? "")?.();
      stages[service] = { whole: { wall: durationMs / 1000, cpu: lap().cpu }, engine: meter.take(service) };
      lap = startStopwatch();
    },
  });
  const opened = closing.use(await openEmbedded(await openLake(join(folder, "lake"), "create"), systemClock));
  for (const [role, service] of [
    ["clean", "cleaner"],
    ["join", "joiner"],
    ["catalog", "catalog-sync"],
  ] as const) {
    closing.use(await meter.as(service, async () => startServices(opened, watch, [role])));
  }
  const { signal } = new AbortController();
  const session: Session = {
    opened,
    watch,
    signal,
    progress: { tick: async () => {}, [Symbol.dispose]: () => {} },
    rest: async (_, isDone) => untilQuiet({ opened, watch, signal, roles: pipelineRoles, isDone }, async () => {}),
  };
  const open = closing.move();
  return {
    opened,
    run: async (sources) => {
      for (const service of ["cleaner", "joiner"]) meter.take(service);
      lap = startStopwatch();
      return timed(async () => {
        const report = await runFiles(session, sources);
        const bad = report?.accounts.find(({ line }) => line.outcome !== "done")?.line;
        if (bad !== undefined) throw new Error(`${bad.key} is ${bad.outcome}: ${bad.reason ?? ""}`);
      });
    },
    stages: () => stages,
    catalogued: async (key) => new Promise((resolve) => void waiting.set(key, resolve)),
    [Symbol.asyncDispose]: async () => open.disposeAsync(),
  };
}

export async function sourceOf(key: string, path: string): Promise<NamedSource> {
  return { key, path, sizeBytes: (await stat(path)).size };
}

/** Puts one file, and waits for nothing. */
export async function put({ s3, topology }: EmbeddedLake, key: string, path: string): Promise<void> {
  const deps = { s3, bucket: topology.buckets.raw, signal: new AbortController().signal };
  await uploadWhatDiffers(deps, [await sourceOf(key, path)], () => {});
}

/** Throws where a stage has not brought the source through. */
export async function manifestsOf(opened: EmbeddedLake, key: string): Promise<Record<keyof Entry, Manifest>> {
  const entry = (await readEntries(placeOf(opened), opened.topology.buckets.raw, [key])).get(key);
  const { cleaner, joiner } = entry ?? {};
  if (cleaner?.state === "current" && joiner?.state === "current") return { cleaner, joiner };
  throw new Error(`${key} is not through: ${cleaner?.state}, ${joiner?.state} ${cleaner?.rejection?.detail ?? ""}`);
}
