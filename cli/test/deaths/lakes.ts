/** Sources that change in every way there is, and what a lake holds of each when all is quiet. */
import { registeredPartitions } from "@airlake/shared/embedded/catalog-file";
import { systemClock } from "@airlake/shared/clock";
import { sourceIdOf } from "@airlake/shared/contracts/keys";
import { join } from "node:path";

import { expect } from "vitest";

import type { Pipeline } from "../pipeline/pipeline.ts";
import { type WorkerName, queueOf } from "./children.ts";

const header = "location,city,country,utc,local,parameter,value,unit,latitude,longitude,attribution";
const row = (country: string, value: number): string =>
  `A,A,${country},2018-02-06T05:00:00Z,2018-02-06T06:00:00+01:00,pm25,${value},µg/m³,,,`;
export const fileOf = (...rows: readonly (readonly [country: string, value: number])[]): string =>
  [header, ...rows.map(([country, value]) => row(country, value)), ""].join("\n");

/** -999 is quarantined. The second version leaves one partition and enters another. */
const first = fileOf(["BE", 1], ["NL", 2], ["BE", -999]);
const second = fileOf(["BE", 5], ["FR", 6], ["BE", -999]);

/** What happens to a source. */
export type Change = "appears" | "changes" | "goes" | "spoils";

/** The values in gold when all is quiet. */
export const valuesAfter: Readonly<Record<Change, readonly number[]>> = {
  appears: [1, 2],
  changes: [5, 6],
  goes: [],
  spoils: [1, 2],
};

export async function prepare(pipeline: Pipeline, change: Change, key: string): Promise<void> {
  if (change !== "appears") await pipeline.put(key, first);
}

export async function apply(pipeline: Pipeline, change: Change, key: string): Promise<void> {
  if (change === "goes") await pipeline.remove(key);
  else await pipeline.put(key, { appears: first, changes: second, spoils: "no table at all\n" }[change]);
}

/** Lets workers of these names do all there is to do, in this process. */
export async function passThrough(pipeline: Pipeline, names: readonly WorkerName[]): Promise<void> {
  await using started = new AsyncDisposableStack();
  for (const name of names) started.use(await pipeline.more(name));
  await untilQuiet(pipeline, names);
}

/** Waits until these workers' queues hold nothing: no message waits, is in hand, or comes back later. */
export async function untilQuiet({ lake, queues }: Pipeline, names: readonly WorkerName[]): Promise<void> {
  const urls = names.map((name) => queues[queueOf[name]].url);
  await expect.poll(() => lake.sqs.isQuiet(urls), { timeout: 60_000, interval: 20 }).toBe(true);
}

/** All that is to be the same, however often anybody died: each source's manifests and rows. */
export async function stateOf(pipeline: Pipeline, keys: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
  const rows = await pipeline.rows("select source_id, country, month, value from {gold} order by value");
  const states = keys.map(async (key) => {
    const stages = await Promise.all(
      (["cleaner", "joiner"] as const).map(async (stage) => pipeline.manifest(stage, key)),
    );
    const manifests = stages.map((manifest) => ({
      state: manifest?.state,
      stale: manifest?.stale,
      counts: manifest?.counts,
      parked: manifest?.rejection?.parked,
      outputs: manifest?.outputs.map(({ role, partition, rows: count }) => `${role} ${partition} ${count}`),
      unfinished: [...(manifest?.pending ?? []), ...(manifest?.debris ?? [])],
    }));
    const id = sourceIdOf({ bucket: "raw", key });
    const values = rows.filter((one) => one["source_id"] === id).map(({ source_id: _id, ...others }) => others);
    return [key, { manifests, values }] as const;
  });
  return new Map(await Promise.all(states));
}

/** Partitions of gold parts that the catalog does not know. */
export async function unregistered(pipeline: Pipeline, keys: readonly string[]): Promise<readonly string[]> {
  const file = join(pipeline.lake.folder, "catalog.duckdb");
  const known = await registeredPartitions({ file, clock: systemClock }, { database: "openaq", name: "measurements" });
  const manifests = await Promise.all(keys.map(async (key) => pipeline.manifest("joiner", key)));
  const partitions = manifests.flatMap((manifest) => manifest?.outputs.map((part) => part.partition) ?? []);
  return [...new Set(partitions)].filter((partition) => !known.has(partition));
}
