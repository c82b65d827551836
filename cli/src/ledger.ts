/** Reads the ledger: manifests and failure records in the ops bucket. Nothing here writes. */
import { GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { type FailureRecord, failureRecordSchema } from "@airlake/shared/contracts/failure";
import { type Source, type StageName, datasetOfKey, manifestPrefix, sourceIdOf } from "@airlake/shared/contracts/keys";
import type { Manifest } from "@airlake/shared/contracts/manifest";
import { parseJson } from "@airlake/shared/contracts/s3-event";
import type { Topology } from "@airlake/shared/contracts/topology";
import { TransientError } from "@airlake/shared/errors";
import type { ObjectStore } from "@airlake/shared/object-store";
import { createManifestStore, parseManifest } from "@airlake/shared/stage/manifest-store";

import { mapBounded } from "./bounded.ts";
import { CommandError } from "./command-error.ts";

/** Where the ledger lies. */
export interface LedgerPlace {
  readonly s3: ObjectStore;
  readonly opsBucket: string;
}

/** Where an opened lake's ledger lies. */
export function placeOf(opened: { readonly s3: ObjectStore; readonly topology: Topology }): LedgerPlace {
  return { s3: opened.s3, opsBucket: opened.topology.buckets.ops };
}

/** What both stages say of one source; undefined where a stage has never seen it. */
export interface Entry {
  readonly cleaner: Manifest | undefined;
  readonly joiner: Manifest | undefined;
}

/** A source as a whole: what the joiner has rejected is not current, whatever the cleaner made of it. */
export function standingOf({ cleaner, joiner }: Required<Entry> & { readonly cleaner: Manifest }): {
  readonly state: Manifest["state"];
  readonly stale: boolean;
  readonly reason?: string;
  readonly detail?: string;
} {
  const { state, stale, rejection } = cleaner.rejection === null && joiner?.state === "rejected" ? joiner : cleaner;
  return { state, stale, ...(rejection === null ? {} : { reason: rejection.reason, detail: rejection.detail }) };
}

/** Requests under way at once. */
const concurrency = 16;

/** The manifests of some sources, by key. */
export async function readEntries(
  place: LedgerPlace,
  bucket: string,
  keys: readonly string[],
): Promise<ReadonlyMap<string, Entry>> {
  const entries = await mapBounded(
    keys,
    concurrency,
    async (key) => [key, await readEntry(place, { bucket, key })] as const,
  );
  return new Map(entries);
}

async function readEntry(place: LedgerPlace, source: Source): Promise<Entry> {
  const dataset = datasetOfKey(source.key);
  if (dataset === undefined || !/^[a-z0-9][a-z0-9_-]{0,62}$/.test(dataset))
    return { cleaner: undefined, joiner: undefined };
  const manifests = createManifestStore(place.s3, place.opsBucket);
  const target = { source, dataset, sourceId: sourceIdOf(source) };
  const read = async (stage: StageName): Promise<Manifest | undefined> => {
    try {
      return (await manifests.read(stage, target))?.manifest;
    } catch (error) {
      throw explained(error);
    }
  };
  const [cleaner, joiner] = await Promise.all([read("cleaner"), read("joiner")]);
  return { cleaner, joiner };
}

/** Every source that the cleaner has seen, a page at a time, in the order of the listing. */
export async function* listEntries(
  place: LedgerPlace,
): AsyncGenerator<Required<Entry> & { readonly cleaner: Manifest }> {
  for await (const keys of listKeys(place, "manifests/cleaner/")) {
    const page = await mapBounded(keys, concurrency, async (key) => {
      const cleaner = await readManifest(place, key);
      if (cleaner === undefined) return undefined;
      const joiner = await readManifest(place, `${manifestPrefix("joiner", cleaner.dataset)}${cleaner.sourceId}.json`);
      return { cleaner, joiner };
    });
    for (const entry of page) if (entry !== undefined) yield entry;
  }
}

/** The manifest under a key; undefined where there is none. Throws CommandError for one of a newer airlake. */
export async function readManifest(place: LedgerPlace, key: string): Promise<Manifest | undefined> {
  const text = await readText(place, key);
  try {
    return text === undefined ? undefined : parseManifest(text, `${place.opsBucket}/${key}`);
  } catch (error) {
    throw explained(error);
  }
}

/** A manifest that this version cannot read is not the person's mistake, but theirs to hear of plainly. */
function explained(error: unknown): unknown {
  if (!(error instanceof TransientError)) return error;
  return new CommandError(`This lake was written by a newer airlake: ${error.message}.`, "Use that airlake.", {
    cause: error,
  });
}

/** The failure records of these UTC days (`2026-11-21`), oldest first. Records of another contract are left out. */
export async function readFailures(place: LedgerPlace, days: readonly string[]): Promise<readonly FailureRecord[]> {
  const found: FailureRecord[] = [];
  for (const day of days) {
    for await (const keys of listKeys(place, `failures/${day}/`)) {
      const records = await mapBounded(keys, concurrency, async (key) => parseFailure(await readText(place, key)));
      found.push(...records.filter((record) => record !== undefined));
    }
  }
  return found.toSorted((a, b) => (a.at < b.at ? -1 : 1));
}

function parseFailure(text: string | undefined): FailureRecord | undefined {
  return failureRecordSchema.safeParse(parseJson(text ?? "")).data;
}

/** Keys below a prefix, a page at a time. */
export async function* listKeys(
  place: LedgerPlace,
  prefix: string,
  bucket = place.opsBucket,
): AsyncGenerator<readonly string[]> {
  let after: string | undefined;
  do {
    const page = await place.s3.send(
      new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        ...(after === undefined ? {} : { ContinuationToken: after }),
      }),
    );
    yield (page.Contents ?? []).flatMap(({ Key: key }) => (key === undefined ? [] : [key]));
    after = page.NextContinuationToken;
  } while (after !== undefined);
}

async function readText(place: LedgerPlace, key: string): Promise<string | undefined> {
  try {
    const answer = await place.s3.send(new GetObjectCommand({ Bucket: place.opsBucket, Key: key }));
    return await answer.Body?.transformToString();
  } catch (error) {
    if (error instanceof Error && error.name === "NoSuchKey") return undefined;
    throw error;
  }
}
