/**
 * Changes a manifest so that its stage does the source again: by the same conditional PUT as the stage's own, so that it is safe
 * beside a worker that is at the same source. Whoever was at work loses its commit and begins again.
 */
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { type Source, type StageName, datasetOfKey, manifestKey, sourceIdOf } from "@airlake/shared/contracts/keys";
import type { Manifest, PartRef } from "@airlake/shared/contracts/manifest";
import { blankManifest } from "@airlake/shared/stage/manifest-steps";
import { createManifestStore, parseManifest } from "@airlake/shared/stage/manifest-store";

import type { OpenedLake } from "../opened-lake.ts";
import { getObject, readStage } from "./collect.ts";
import { type ObjectFacts, type SourceFacts, bucketOfStage, generationIn, manifestIn } from "./facts.ts";

/** Writes the manifest; "lost" where somebody was faster, and the source is no more as it was looked at. */
export async function demandRedo(
  opened: OpenedLake,
  facts: SourceFacts,
  of: { readonly stage: StageName; readonly source: Source; readonly adopts: (object: ObjectFacts) => boolean },
): Promise<"written" | "lost"> {
  const { ops } = opened.topology.buckets;
  const place = facts[of.stage];
  const now = await readStage(opened, keyIn(of.stage, of.source));
  if (now?.etag !== place?.etag) return "lost";
  if (place?.kind === "unreadable") await setAside(opened, keyIn(of.stage, of.source));
  const base = place?.kind === "manifest" ? await wholeOf(opened, keyIn(of.stage, of.source)) : blank(of, opened);
  if (base === undefined) return "lost";
  const next = redone(base, facts, of);
  const stored = place === undefined ? undefined : { manifest: base, etag: place.etag };
  const swapped = await createManifestStore(opened.s3, ops).swap(stored, next);
  return swapped === "lost" ? "lost" : "written";
}

function keyIn(stage: StageName, source: Source): string {
  return manifestKey(stage, datasetOfKey(source.key) ?? "", sourceIdOf(source));
}

/** With its versions and timings, which facts leave out. */
async function wholeOf(opened: OpenedLake, key: string): Promise<Manifest | undefined> {
  const found = await getObject(opened, key);
  return found === undefined ? undefined : parseManifest(found.text, key);
}

/**
 * Without an input it is in line with none. A new generation makes another ETag: without it an attempt that read the manifest before
 * could still commit. Unnamed parts become debris, which the stage's next commit deletes.
 */
function redone(
  base: Manifest,
  facts: SourceFacts,
  { stage, adopts }: { readonly stage: StageName; readonly adopts: (object: ObjectFacts) => boolean },
): Manifest {
  const bucket = bucketOfStage[stage];
  const named = new Set([...base.outputs, ...base.pending, ...base.debris].map(({ key }) => key));
  const objects = facts.objects.filter((object) => object.bucket === bucket && !named.has(object.key));
  const debris = objects.filter(adopts).map(({ key }): PartRef => ({ bucket, key, partition: partitionIn(key) }));
  const generations = [base.generation, upstreamSeen(facts, stage), ...objects.map(({ key }) => generationIn(key))];
  return {
    ...base,
    generation: Math.max(...generations) + 1,
    attempt: "",
    input: null,
    debris: [...base.debris, ...debris],
  };
}

/** The joiner may have followed a cleaner's manifest that is lost: the new one counts on, so that a story's versions stay in order. */
function upstreamSeen(facts: SourceFacts, stage: StageName): number {
  if (stage !== "cleaner") return 0;
  return Number(/^\d{1,15}/.exec(manifestIn(facts.joiner)?.input?.identity ?? "")?.[0] ?? 0);
}

function partitionIn(key: string): string {
  return key
    .split("/")
    .filter((level) => level.includes("="))
    .join("/");
}

function blank(
  { stage, source }: { readonly stage: StageName; readonly source: Source },
  { clock }: OpenedLake,
): Manifest {
  const dataset = datasetOfKey(source.key) ?? "";
  return blankManifest({ stage, dataset, source, correlationId: clock.newId(), workerVersion: "reconcile" });
}

/** Keeps what lies at a key of ops under another, for a person to look at. Gives the new key. */
export async function setAside(opened: OpenedLake, key: string): Promise<string> {
  const found = await getObject(opened, key);
  const kept = `set-aside/${opened.clock.now().toISOString().slice(0, 10)}/${opened.clock.newId()}/${key}`;
  await opened.s3.send(
    new PutObjectCommand({ Bucket: opened.topology.buckets.ops, Key: kept, Body: found?.text ?? "" }),
  );
  return kept;
}
