/** The fuses of a lake, one for each dataset: what stops a mass retraction until a person has spoken. */
import type { Fuse } from "@airlake/shared/contracts/fuse";
import { datasetOfKey } from "@airlake/shared/contracts/keys";
import { type FusePlace, permitRetractions, readFuse } from "@airlake/shared/stage/fuse";

import { callerIn } from "./config.ts";
import { knownDatasets } from "./datasets.ts";
import type { OpenedLake } from "./opened-lake.ts";

/** An operator's own removals are let by for so long. */
const removalMs = 3_600_000;

export function fusePlaceOf({ s3, clock, topology }: OpenedLake): FusePlace {
  return { s3, clock, opsBucket: topology.buckets.ops };
}

/** The fuses of all datasets. */
export async function readFuses(opened: OpenedLake): Promise<readonly Fuse[]> {
  const datasets = await knownDatasets();
  return Promise.all(datasets.map(async ({ name }) => readFuse(fusePlaceOf(opened), name)));
}

/** What an operator removes by name is no mistake of a bucket's: the fuse is told before it is done. */
export async function permitRemoval(opened: OpenedLake, keys: readonly string[]): Promise<void> {
  const known = new Set((await knownDatasets()).map(({ name }) => name));
  const datasets = keys.map((key) => datasetOfKey(key) ?? "").filter((name) => known.has(name));
  for (const dataset of new Set(datasets)) {
    const retractions = datasets.filter((one) => one === dataset).length;
    const permit = { retractions, forMs: removalMs, by: callerIn().user, mends: false };
    await permitRetractions(fusePlaceOf(opened), dataset, permit);
  }
}
