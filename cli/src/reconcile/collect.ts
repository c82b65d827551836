/** Lists the lake into scratch: objects first, manifests after them, so that whatever has been written is named by what is read. */
import { GetObjectCommand, ListObjectsV2Command, type _Object as Listed } from "@aws-sdk/client-s3";
import type { DatasetDefinition } from "@airlake/shared/contracts/dataset";
import {
  type StageName,
  datasetOfKey,
  manifestKey,
  sourceIdOf,
  stageNames,
  tablePrefix,
} from "@airlake/shared/contracts/keys";
import type { Manifest } from "@airlake/shared/contracts/manifest";
import { TransientError } from "@airlake/shared/errors";
import { parseManifest } from "@airlake/shared/stage/manifest-store";

import { mapBounded } from "../bounded.ts";
import { CommandError } from "../command-error.ts";
import type { OpenedLake } from "../opened-lake.ts";
import { type StageFacts, sourceIdIn } from "./facts.ts";
import type { Scratch } from "./scratch.ts";

export interface Collecting {
  readonly opened: OpenedLake;
  readonly scratch: Scratch;
  readonly datasets: readonly DatasetDefinition[];
  readonly signal: AbortSignal;
  /** Is told how far it is. */
  readonly tick: (text: () => string) => Promise<void>;
}

/** What was looked at. */
export interface Looked {
  readonly raw: number;
  readonly parts: number;
  readonly manifests: number;
  /** Keys of raw that lie in no dataset's folder: parked, and nothing of the lake's. */
  readonly outside: number;
  /** The fingerprint of the newest manifest of a stage and dataset. */
  readonly fingerprints: ReadonlyMap<string, string>;
}

/** Requests under way at once. */
const concurrency = 32;

export async function collect(collecting: Collecting): Promise<Looked> {
  const { raw, outside } = await collectRaw(collecting);
  const parts = await collectParts(collecting);
  const newest: Newest = new Map();
  let manifests = 0;
  for (const stage of stageNames) manifests += await collectManifests(collecting, stage, newest);
  const fingerprints = new Map([...newest].map(([name, { fingerprint }]) => [name, fingerprint]));
  return { raw, parts, manifests, outside, fingerprints };
}

async function collectRaw({ opened, scratch, datasets, ...rest }: Collecting) {
  const known = new Set(datasets.map(({ name }) => name));
  const bucket = opened.topology.buckets.raw;
  let raw = 0;
  let outside = 0;
  for await (const page of listPages({ opened, ...rest }, bucket, "")) {
    for (const object of page) {
      const { key, etag, modifiedMs } = factsOf(object);
      raw += 1;
      if (known.has(datasetOfKey(key) ?? "")) scratch.addRaw(sourceIdOf({ bucket, key }), { key, etag, modifiedMs });
      else outside += 1;
    }
    await rest.tick(() => `${raw.toLocaleString("en-US")} objects in raw`);
  }
  return { raw, outside };
}

async function collectParts(collecting: Collecting): Promise<number> {
  const { opened, scratch, datasets } = collecting;
  let parts = 0;
  for (const [bucket, prefix] of datasets.flatMap(prefixesOf)) {
    for await (const page of listPages(collecting, opened.topology.buckets[bucket], prefix)) {
      parts += page.length;
      for (const object of page) {
        const { key, sizeBytes, modifiedMs } = factsOf(object);
        scratch.addObject(sourceIdIn(key), { bucket, key, sizeBytes, modifiedMs });
      }
      await collecting.tick(() => `${parts.toLocaleString("en-US")} parts`);
    }
  }
  return parts;
}

/** The folders that hold parts and nothing else. */
function prefixesOf({ name, table }: DatasetDefinition): readonly (readonly ["silver" | "gold", string])[] {
  return [
    ["silver", `${name}/clean/`],
    ["silver", `${name}/quarantine/`],
    ["gold", tablePrefix(name, table.name)],
  ];
}

type Newest = Map<string, { readonly at: string; readonly fingerprint: string }>;

async function collectManifests(collecting: Collecting, stage: StageName, newest: Newest): Promise<number> {
  const { opened, datasets } = collecting;
  let manifests = 0;
  for (const { name: dataset } of datasets) {
    const pages = listPages(collecting, opened.topology.buckets.ops, `manifests/${stage}/${dataset}/`);
    for await (const page of pages) {
      const read = await mapBounded(page, concurrency, async (object) => readAt(opened, { stage, dataset }, object));
      manifests += page.length;
      for (const one of read) take(collecting, one, newest);
      await collecting.tick(() => `${manifests.toLocaleString("en-US")} manifests of the ${stage}`);
    }
  }
  return manifests;
}

function take({ scratch, datasets }: Collecting, read: ReadManifest | undefined, newest: Newest): void {
  if (read === undefined) return;
  if (read.kind === "misnamed") return scratch.addFinding(misnamed(read.key, read.detail));
  scratch.addStage(read.sourceId, read.stage, read.facts);
  if (read.facts.kind !== "manifest") return;
  const { manifest } = read.facts;
  remember(newest, manifest);
  const dataset = datasets.find(({ name }) => name === manifest.dataset);
  if (read.stage !== "joiner" || dataset?.table.partitions.length === 0) return;
  for (const { partition } of manifest.outputs) scratch.addPartition("named", manifest.dataset, partition);
}

function remember(newest: Newest, { stage, dataset, input, committedAt, fingerprint }: Manifest): void {
  const name = `${stage}/${dataset}`;
  const at = committedAt ?? "";
  // Of a source that is gone the fingerprint says nothing.
  if (input?.identity !== "gone" && at > (newest.get(name)?.at ?? "")) newest.set(name, { at, fingerprint });
}

type ReadManifest =
  | { readonly kind: "named"; readonly stage: StageName; readonly sourceId: string; readonly facts: StageFacts }
  | { readonly kind: "misnamed"; readonly key: string; readonly detail: string };

/** What lies at a key of a manifest folder; undefined where it has just gone. */
async function readAt(
  opened: OpenedLake,
  place: { readonly stage: StageName; readonly dataset: string },
  object: Listed,
): Promise<ReadManifest | undefined> {
  const { key, modifiedMs } = factsOf(object);
  const sourceId = /\/([0-9a-f]{32})\.json$/.exec(key)?.[1];
  if (sourceId === undefined || key !== manifestKey(place.stage, place.dataset, sourceId))
    return { kind: "misnamed", key, detail: "it is no manifest's name" };
  const facts = await readStage(opened, key, modifiedMs);
  if (facts === undefined) return undefined;
  const about = facts.kind === "manifest" ? whoseElse(facts.manifest, key) : undefined;
  if (about !== undefined) return { kind: "misnamed", key, detail: `it is about ${about}` };
  return { kind: "named", stage: place.stage, sourceId, facts };
}

/** The source that a manifest is about, where it is not the one whose name it has. */
function whoseElse(manifest: Manifest, key: string): string | undefined {
  const { stage, dataset, source } = manifest;
  if (datasetOfKey(source.key) === dataset && key === manifestKey(stage, dataset, sourceIdOf(source))) return undefined;
  return `${stage} of ${source.bucket}/${source.key}`;
}

function misnamed(key: string, detail: string) {
  const mend = { how: "set-aside" } as const;
  return { kind: "misnamed-manifest", sourceId: "", source: "", what: `ops/${key}`, detail, mend } as const;
}

/** A manifest as it lies there now; undefined where there is none. Throws CommandError for one of a newer airlake. */
export async function readStage(opened: OpenedLake, key: string, modifiedMs?: number): Promise<StageFacts | undefined> {
  const found = await getObject(opened, key);
  if (found === undefined) return undefined;
  const seen = { etag: found.etag, modifiedMs: modifiedMs ?? found.modifiedMs };
  try {
    const manifest = parseManifest(found.text, key);
    return { kind: "manifest", manifest: { ...manifest, versions: [], timings: {} }, ...seen };
  } catch (error) {
    if (error instanceof TransientError && found.text.includes('"contract":"manifest/'))
      throw new CommandError(`This lake was written by a newer airlake: ${error.message}.`, "Use that airlake.", {
        cause: error,
      });
    return { kind: "unreadable", why: found.text.trim() === "" ? "it is empty" : "it is no manifest", ...seen };
  }
}

/** An object of ops as text; undefined where it is not there. */
export async function getObject(opened: OpenedLake, key: string) {
  try {
    const got = await opened.s3.send(new GetObjectCommand({ Bucket: opened.topology.buckets.ops, Key: key }));
    const { ETag: etag = "", LastModified: at, Body: body } = got;
    return { text: (await body?.transformToString()) ?? "", etag, modifiedMs: at?.getTime() ?? 0 };
  } catch (error) {
    if (error instanceof Error && error.name === "NoSuchKey") return undefined;
    throw error;
  }
}

interface Listing {
  readonly opened: OpenedLake;
  readonly signal: AbortSignal;
}

async function* listPages(
  { opened, signal }: Listing,
  bucket: string,
  prefix: string,
): AsyncGenerator<readonly Listed[]> {
  let after: string | undefined;
  do {
    signal.throwIfAborted();
    const token = after === undefined ? {} : { ContinuationToken: after };
    const page = await opened.s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ...token }));
    yield page.Contents ?? [];
    after = page.NextContinuationToken;
  } while (after !== undefined);
}

function factsOf(object: Listed) {
  const { Key: key = "", ETag: etag = "", Size: sizeBytes = 0, LastModified: at } = object;
  return { key, etag, sizeBytes, modifiedMs: at?.getTime() ?? 0 };
}
