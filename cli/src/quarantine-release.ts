/**
 * What another rule pack would do to the records of a dataset: each source is cleaned by it on the side, and its kept records are
 * compared, by their numbers, with those that are kept now.
 */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type Trial, openTrial } from "@airlake/cleaner/trial";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import type { Manifest } from "@airlake/shared/contracts/manifest";
import { type DuckDbSession, openDuckDb, quoteText } from "@airlake/shared/duckdb";
import type { LoadedDataset } from "@airlake/shared/load-dataset";
import { bodyOf } from "@airlake/shared/object-store";
import { z } from "zod";

import { mapBounded } from "./bounded.ts";
import { CommandError } from "./command-error.ts";
import { discard, privateFolder } from "./lake.ts";
import { listEntries, placeOf } from "./ledger.ts";
import type { OpenedLake } from "./opened-lake.ts";
import { counted } from "./text.ts";

export interface ReleaseDeps {
  readonly opened: OpenedLake;
  readonly dataset: LoadedDataset;
  readonly rulePack: number;
  readonly signal: AbortSignal;
  readonly tick: (text: () => string) => Promise<void>;
}

/** A source that would be another one. */
export interface PlannedSource {
  readonly key: string;
  /** The version that was tried. */
  readonly identity: string;
  readonly keptNow: number;
  readonly keptThen: number;
  readonly quarantinedThen: number;
  /** Records that are quarantined now, and would be kept. */
  readonly released: number;
  /** Records that are kept now, and would be quarantined. */
  readonly back: number;
  /** It would be rejected as a whole, and keep what it has. */
  readonly rejected: string | undefined;
}

export interface Plan {
  readonly rulePack: number;
  /** Sources that were tried. */
  readonly sources: number;
  readonly changing: readonly PlannedSource[];
  readonly released: number;
  readonly back: number;
  /** The same for the same sources, versions and outcomes. */
  readonly hash: string;
}

/** Sources tried at once: small ones share a statement. */
const atOnce = 16;

/** Tries every source that has records in the lake. Nothing is changed. */
export async function planRelease(deps: ReleaseDeps): Promise<Plan> {
  const { opened, dataset, rulePack } = deps;
  await using closing = new AsyncDisposableStack();
  const folder = opened.lake === undefined ? tmpdir() : await privateFolder(opened.lake, "scratch");
  const scratch = closing.adopt(await mkdtemp(join(folder, "release-")), discard);
  const trial = closing.use(await openTrial(dataset, scratch));
  const duckdb = closing.use(await openDuckDb({ threads: 1, memoryLimitMb: 256, scratch }));
  const session = closing.use(await duckdb.connect(deps.signal));
  const hash = createHash("sha256").update(`${dataset.definition.name} ${rulePack} ${dataset.fingerprint}`);
  const changing: PlannedSource[] = [];
  let sources = 0;
  const flush = async (batch: readonly Manifest[]): Promise<void> => {
    deps.signal.throwIfAborted();
    const tried = await mapBounded(batch, atOnce, async (manifest) =>
      trySource({ ...deps, scratch, trial, session }, manifest),
    );
    sources += tried.length;
    for (const one of tried) hash.update(`\n${JSON.stringify(one)}`);
    changing.push(...tried.filter(({ released, back, rejected }) => released + back > 0 || rejected !== undefined));
    await deps.tick(() => `${counted(sources, "source")} tried`);
  };
  let batch: Manifest[] = [];
  for await (const { cleaner } of listEntries(placeOf(opened))) {
    if (cleaner.dataset !== dataset.definition.name || cleaner.state !== "current") continue;
    batch.push(cleaner);
    if (batch.length < atOnce * 4) continue;
    await flush(batch);
    batch = [];
  }
  await flush(batch);
  const sum = (of: (source: PlannedSource) => number): number => changing.reduce((total, one) => total + of(one), 0);
  const sums = { released: sum(({ released }) => released), back: sum(({ back }) => back) };
  return { rulePack, sources, changing, ...sums, hash: hash.digest("hex").slice(0, 12) };
}

interface Trying extends ReleaseDeps {
  readonly scratch: string;
  readonly trial: Trial;
  readonly session: DuckDbSession;
}

async function trySource(trying: Trying, manifest: Manifest): Promise<PlannedSource> {
  const { opened, trial, rulePack, signal } = trying;
  const folder = join(trying.scratch, manifest.sourceId);
  await mkdir(join(folder, "trial"), { recursive: true });
  try {
    const { bucket, key } = manifest.source;
    const got = await opened.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
    const identity = got.ETag ?? "";
    if (identity !== manifest.input?.identity) throw changed(key);
    const tried = await trial.tryOut({
      body: bodyOf(got, `${bucket}/${key}`),
      sizeBytes: got.ContentLength ?? 0,
      source: manifest.source,
      sourceId: manifest.sourceId,
      lastModified: got.LastModified ?? opened.clock.now(),
      rulePack,
      scratch: join(folder, "trial"),
      signal,
    });
    const keptNow = manifest.counts?.kept ?? 0;
    const same = { key, identity, keptNow, keptThen: keptNow, quarantinedThen: 0, released: 0, back: 0 };
    if (tried.kind === "rejected") return { ...same, rejected: tried.reason };
    const { kept: keptThen, quarantined: quarantinedThen } = tried;
    const moves = await compare(trying, { now: await nowFile(trying, manifest, folder), later: tried.cleanFile });
    return { ...same, keptThen, quarantinedThen, ...moves, rejected: undefined };
  } catch (error) {
    if (error instanceof Error && error.name === "NoSuchKey") throw changed(manifest.source.key, error);
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function changed(key: string, cause?: Error): CommandError {
  return new CommandError(
    `${key} has changed, and the lake has not followed yet.`,
    "Wait until the lake is at rest, or mend it with airlake reconcile --repair (with the same --lake), and plan again.",
    cause === undefined ? {} : { cause },
  );
}

/** The clean part that the manifest names, as a file. */
async function nowFile({ opened, signal }: Trying, manifest: Manifest, folder: string): Promise<string | undefined> {
  const part = manifest.outputs.find(({ role }) => role === "clean");
  if (part === undefined) return undefined;
  const file = join(folder, "now.parquet");
  const place = { Bucket: opened.topology.buckets.silver, Key: part.key };
  const got = await opened.s3.send(new GetObjectCommand(place), { abortSignal: signal });
  await pipeline(bodyOf(got, part.key), createWriteStream(file), { signal });
  return file;
}

const movesRow = z.object({ released: z.bigint(), back: z.bigint() });

/** Records by their numbers: those that only one side keeps. */
async function compare(
  { session }: Trying,
  files: { readonly now: string | undefined; readonly later: string | undefined },
): Promise<{ readonly released: number; readonly back: number }> {
  const rows = await session.rows(
    `SELECT count(*) FILTER (now.source_record IS NULL) AS released, count(*) FILTER (later.source_record IS NULL) AS back
     FROM ${rowsOf(files.now)} AS now FULL JOIN ${rowsOf(files.later)} AS later USING (source_record)`,
  );
  const { released, back } = movesRow.parse(rows[0]);
  return { released: Number(released), back: Number(back) };
}

function rowsOf(file: string | undefined): string {
  return file === undefined
    ? "(SELECT NULL::BIGINT AS source_record WHERE false)"
    : `(SELECT source_record FROM read_parquet(${quoteText(file)}))`;
}
