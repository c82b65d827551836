/**
 * A folder that stands for a lake in AWS while it is asked: an empty file for every part that a manifest names, until the part
 * itself is brought.
 */
import { createWriteStream, rmSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import type { BucketRole } from "@airlake/shared/contracts/topology";
import type { DatasetDefinition } from "@airlake/shared/contracts/dataset";
import { type StageName, manifestPrefix, referenceKey } from "@airlake/shared/contracts/keys";
import type { Manifest, Part } from "@airlake/shared/contracts/manifest";
import { tableNames, usesCountries } from "@airlake/shared/contracts/tables";
import { bodyOf } from "@airlake/shared/object-store";

import { mapBounded } from "../../bounded.ts";
import { discard } from "../../lake.ts";
import { listKeys, placeOf, readManifest } from "../../ledger.ts";
import type { OpenedLake } from "../../opened-lake.ts";
import { partsVariable } from "../define-views.ts";
import type { DatasetState } from "../lake-parts.ts";
import { bucketFolders } from "../query-database.ts";
import type { PartList } from "./needed-parts.ts";
import { type PartCache, openPartCache } from "./part-cache.ts";

/** A part of the lake, and where it lies in the mirror. */
export interface MirroredPart {
  readonly path: string;
  readonly bucket: BucketRole;
  readonly key: string;
  readonly bytes: number;
  readonly partition: string;
}

export interface Mirror extends AsyncDisposable {
  /** Has a folder for each bucket. Without links. */
  readonly folder: string;
  readonly states: ReadonlyMap<string, DatasetState>;
  readonly lists: readonly PartList[];
  readonly parts: ReadonlyMap<string, MirroredPart>;
  /**
   * Brings parts that are not there yet; gives how many bytes were on this machine already. Throws PartGone where one was
   * replaced since its manifest was read.
   */
  bring(paths: Iterable<string>, told: (bytes: number) => void): Promise<number>;
}

/** A part is gone: its source was done again, and its manifest names another now. */
export class PartGone extends Error {
  override readonly name = "PartGone";
}

export interface MirrorDeps {
  readonly opened: OpenedLake;
  readonly datasets: readonly DatasetDefinition[];
  /** What of the parts stays on this machine for the next question. */
  readonly keptBytes: number;
  readonly signal: AbortSignal;
}

const readAtOnce = 32;
const writtenAtOnce = 64;
const broughtAtOnce = 8;

/** Reads the manifests, and makes the folder in the system's folder for temporary files. */
export async function openMirror(deps: MirrorDeps): Promise<Mirror> {
  await using closing = new AsyncDisposableStack();
  const made = await mkdtemp(join(tmpdir(), "airlake-query-"));
  closing.defer(async () => discard(made));
  // A reader of a pipe who has enough (`| head`), or a second Ctrl-C, ends the process at once.
  const discardNow = (): void => rmSync(made, { recursive: true, force: true });
  process.once("exit", discardNow);
  closing.defer(() => void process.off("exit", discardNow));
  const folder = await realpath(made);
  const folders = bucketFolders(folder);
  for (const one of Object.values(folders)) await mkdir(one);
  const parts = new Map<string, MirroredPart>();
  const states = new Map<string, DatasetState>();
  const lists: PartList[] = [];
  for (const dataset of deps.datasets) {
    // The joiner's first: a part that the cleaner's manifests name later is not in the way, one that is gone would be.
    const joined = await readManifests(deps, "joiner", dataset);
    const cleaned = await readManifests(deps, "cleaner", dataset);
    const gold = partsOf(joined, "gold", folders);
    const quarantine = partsOf(cleaned, "quarantine", folders);
    for (const part of [...gold, ...quarantine]) parts.set(part.path, part);
    // Of no known kind: nobody has looked into them for their columns.
    const counted = (of: readonly MirroredPart[]) => of.map(({ path }) => ({ path, kind: undefined }));
    states.set(dataset.name, {
      cleaned,
      joined,
      goldParts: counted(gold),
      quarantineParts: counted(quarantine),
    });
    lists.push(
      listOf("gold", gold, partsVariable(dataset.name, dataset.table.name)),
      listOf("quarantine", quarantine, partsVariable(dataset.name, tableNames.quarantine)),
    );
  }
  await makePlaces([...parts.keys()]);
  if (deps.datasets.some(usesCountries)) await bringCountries(deps, folders.gold);
  const cache = await openPartCache();
  const brought = new Set<string>();
  const held = closing.move();
  return {
    folder,
    states,
    lists,
    parts,
    bring: async (paths, told) => {
      const missing = [...paths].flatMap((path) => (brought.has(path) ? [] : (parts.get(path) ?? [])));
      let wereHere = 0;
      await mapBounded(missing, broughtAtOnce, async (part) => {
        if (await takePart(cache, part)) wereHere += part.bytes;
        else {
          await bringPart(deps, part);
          await cache?.keep(part.key, part.path);
        }
        brought.add(part.path);
        told(part.bytes);
      });
      await cache?.sweep(deps.keptBytes);
      return wereHere;
    },
    [Symbol.asyncDispose]: async () => held.disposeAsync(),
  };
}

/** Every manifest of one stage about one dataset, by source id. */
async function readManifests(
  { opened, signal }: MirrorDeps,
  stage: StageName,
  dataset: DatasetDefinition,
): Promise<ReadonlyMap<string, Manifest>> {
  const place = placeOf(opened);
  const manifests = new Map<string, Manifest>();
  for await (const keys of listKeys(place, manifestPrefix(stage, dataset.name))) {
    signal.throwIfAborted();
    const page = await mapBounded(keys, readAtOnce, async (key) => readManifest(place, key));
    for (const manifest of page) if (manifest !== undefined) manifests.set(manifest.sourceId, manifest);
  }
  return manifests;
}

function partsOf(
  manifests: ReadonlyMap<string, Manifest>,
  role: Part["role"],
  folders: ReturnType<typeof bucketFolders>,
): readonly MirroredPart[] {
  const parts = [...manifests.values()].flatMap(({ outputs }) =>
    outputs
      .filter((part) => part.role === role)
      .map(({ bucket, key, bytes, partition }) => ({
        path: join(folders[bucket], key),
        bucket,
        key,
        bytes,
        partition,
      })),
  );
  // A part counts once, however often it is named.
  return [...new Map(parts.map((part) => [part.path, part])).values()];
}

function listOf(kind: PartList["kind"], parts: readonly MirroredPart[], variable: string): PartList {
  return { kind, variable, paths: parts.map(({ path }) => path) };
}

async function makePlaces(paths: readonly string[]): Promise<void> {
  for (const folder of new Set(paths.map(dirname))) await mkdir(folder, { recursive: true });
  await mapBounded(paths, writtenAtOnce, async (path) => writeFile(path, ""));
}

async function bringCountries(deps: MirrorDeps, goldFolder: string): Promise<void> {
  const key = referenceKey(tableNames.countries);
  const path = join(goldFolder, key);
  await mkdir(dirname(path), { recursive: true });
  try {
    await bringPart(deps, { path, bucket: "gold", key });
  } catch (error) {
    // No source was joined yet.
    if (!(error instanceof PartGone)) throw error;
  }
}

async function takePart(cache: PartCache | undefined, part: MirroredPart): Promise<boolean> {
  const unfinished = `${part.path}.unfinished`;
  if (cache === undefined || !(await cache.take(part.key, part.bytes, unfinished))) return false;
  await rename(unfinished, part.path);
  return true;
}

async function bringPart(
  { opened, signal }: MirrorDeps,
  { path, bucket, key }: Pick<MirroredPart, "path" | "bucket" | "key">,
): Promise<void> {
  const name = opened.topology.buckets[bucket];
  try {
    const got = await opened.s3.send(new GetObjectCommand({ Bucket: name, Key: key }), { abortSignal: signal });
    const unfinished = `${path}.unfinished`;
    await pipeline(bodyOf(got, `${name}/${key}`), createWriteStream(unfinished), { signal });
    await rename(unfinished, path);
  } catch (error) {
    if (error instanceof Error && error.name === "NoSuchKey") throw new PartGone(`${name}/${key}`, { cause: error });
    throw error;
  }
}
