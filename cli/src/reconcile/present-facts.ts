/** What is there of one source now: a listing is old when it ends, and workers go on meanwhile. */
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { type StageName, manifestKey, stageNames } from "@airlake/shared/contracts/keys";
import { httpStatusOf } from "@airlake/shared/errors";

import { mapBounded } from "../bounded.ts";
import type { OpenedLake } from "../opened-lake.ts";
import { readStage } from "./collect.ts";
import { type ObjectFacts, type SourceFacts, type StageFacts, bucketOfStage, keyOf, manifestIn } from "./facts.ts";

const concurrency = 16;
/** A source that changes faster than it can be read is being worked on. */
const mostLooks = 3;

/** The source as it is; undefined where it does not hold still. */
export async function presentFacts(
  opened: OpenedLake,
  dataset: string,
  before: SourceFacts,
): Promise<SourceFacts | undefined> {
  for (let look = 0; look < mostLooks; look += 1) {
    const first = await readStages(opened, dataset, before.sourceId);
    const raw = await presentRaw(opened, keyOf({ ...before, ...first }));
    const objects = await presentObjects(opened, before, first);
    const again = await readStages(opened, dataset, before.sourceId);
    if (stageNames.every((stage) => first[stage]?.etag === again[stage]?.etag))
      return { sourceId: before.sourceId, raw, ...first, objects };
  }
  return undefined;
}

type Stages = Readonly<Record<StageName, StageFacts | undefined>>;

async function readStages(opened: OpenedLake, dataset: string, sourceId: string): Promise<Stages> {
  const [cleaner, joiner] = await Promise.all(
    stageNames.map(async (stage) => readStage(opened, manifestKey(stage, dataset, sourceId))),
  );
  return { cleaner, joiner };
}

async function presentRaw(opened: OpenedLake, key: string | undefined): Promise<SourceFacts["raw"]> {
  const head = key === undefined ? undefined : await headOf(opened, opened.topology.buckets.raw, key);
  return key === undefined || head === undefined ? undefined : { key, ...head };
}

/** Those that the listing told of, and those that the manifests name now. */
async function presentObjects(
  opened: OpenedLake,
  before: SourceFacts,
  stages: Stages,
): Promise<readonly ObjectFacts[]> {
  const places = new Map<string, Pick<ObjectFacts, "bucket" | "key">>();
  for (const { bucket, key } of before.objects) places.set(`${bucket}/${key}`, { bucket, key });
  for (const stage of stageNames) {
    const bucket = bucketOfStage[stage];
    for (const { key } of manifestIn(stages[stage])?.outputs ?? []) places.set(`${bucket}/${key}`, { bucket, key });
  }
  const found = await mapBounded([...places.values()], concurrency, async ({ bucket, key }) => {
    const head = await headOf(opened, opened.topology.buckets[bucket], key);
    return head === undefined ? [] : [{ bucket, key, sizeBytes: head.sizeBytes, modifiedMs: head.modifiedMs }];
  });
  return found.flat();
}

async function headOf(opened: OpenedLake, bucket: string, key: string) {
  try {
    const head = await opened.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    const { ETag: etag = "", ContentLength: sizeBytes = 0, LastModified: at } = head;
    return { etag, sizeBytes, modifiedMs: at?.getTime() ?? 0 };
  } catch (error) {
    if (httpStatusOf(error) === 404) return undefined;
    throw error;
  }
}
