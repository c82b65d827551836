/** The story of `run`: files into the raw bucket, through the pipeline, and what became of them. */
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import type { FailureRecord } from "@airlake/shared/contracts/failure";
import { httpStatusOf } from "@airlake/shared/errors";

import { type Accounted, type Seen, accountOf, discrepancies } from "./account.ts";
import { mapBounded } from "./bounded.ts";
import { type Entry, placeOf, readEntries, readFailures } from "./ledger.ts";
import type { NamedSource } from "./named-sources.ts";
import type { OpenedLake } from "./opened-lake.ts";
import { askToLook } from "./pipeline.ts";
import { areRegistered } from "./registered.ts";
import type { Progress } from "./progress.ts";
import type { Session } from "./session.ts";
import { counted, grouped, sized } from "./text.ts";
import { uploadWhatDiffers } from "./upload.ts";
import { type FailedMessage, keysOf } from "./watch.ts";

/** What a run found out. */
export interface RunReport {
  /** Sorted as the sources were given. */
  readonly accounts: readonly Accounted[];
  /** What does not add up: a defect of Airlake. */
  readonly discrepancies: readonly string[];
}

/** Brings the sources in and waits until they are through. Undefined where the person wished to stop. */
export async function runFiles(session: Session, sources: readonly NamedSource[]): Promise<RunReport | undefined> {
  const keys = sources.map(({ key }) => key);
  const before = await noteBefore(session.opened, keys);
  await bringIn(session, sources, () => {});
  if (session.signal.aborted) return undefined;
  return reportWhenQuiet(session, before);
}

/** The ledger as it is before anything changes. */
export interface Before {
  readonly keys: readonly string[];
  readonly entries: ReadonlyMap<string, Entry>;
  readonly at: Date;
  /** The ingestor was to bring them: what it refused is told of, whatever the lake holds. */
  readonly fetched?: boolean;
}

export async function noteBefore(opened: OpenedLake, keys: readonly string[]): Promise<Before> {
  const at = opened.clock.now();
  return { keys, entries: await readEntries(placeOf(opened), opened.topology.buckets.raw, keys), at };
}

/** Waits for the pipeline's rest and reads the account of the sources that were noted before. */
export async function reportWhenQuiet(session: Session, before: Before): Promise<RunReport | undefined> {
  const { opened } = session;
  const rest = await session.rest(before.keys, async () => {
    const seen = await look(opened, before);
    if (seen.some(isOpen)) return false;
    return areRegistered(
      opened,
      seen.map(({ after }) => after.joiner),
    );
  });
  if (rest.kind === "interrupted") return undefined;
  const failed = rest.kind === "gave-up" ? rest.failed : [];
  const seen = await withParked(opened, before, await look(opened, before, failed));
  const accounts = seen.map(accountOf);
  return { accounts, discrepancies: discrepancies(seen, accounts) };
}

/** What bringing files in needs. */
export interface BringDeps {
  readonly opened: OpenedLake;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Uploads what differs, and has the cleaner look at the rest. `done` is told of each file. */
export async function bringIn(
  { opened, progress, signal }: BringDeps,
  sources: readonly NamedSource[],
  done: (source: NamedSource, was: "uploaded" | "same") => void,
): Promise<void> {
  let looked = 0;
  let sentBytes = 0;
  const same: string[] = [];
  const describe = (): string => {
    const sent = sentBytes === 0 ? "" : `, ${sized(sentBytes)} sent`;
    return `bringing in ${grouped(looked)} of ${counted(sources.length, "file")}${sent}`;
  };
  // Within a file too: one of gigabytes takes minutes.
  const sent = (bytes: number): void => {
    sentBytes += bytes;
    void progress.tick(describe);
  };
  await uploadWhatDiffers(
    { s3: opened.s3, bucket: opened.topology.buckets.raw, signal, sent },
    sources,
    async (source, was) => {
      looked += 1;
      done(source, was);
      // No event tells of a file that is there already; but the rules may be others since.
      if (was === "same") same.push(source.key);
      if (same.length >= pointersAtOnce) await askToLook(opened, same.splice(0));
      await progress.tick(describe);
    },
  );
  await askToLook(opened, same);
}

const pointersAtOnce = 10;

/** What the ledger says of them now. `failed` are messages that are known to fail. */
export async function look(
  opened: OpenedLake,
  before: Before,
  failed: readonly FailedMessage[] = [],
): Promise<readonly Seen[]> {
  const after = await readEntries(placeOf(opened), opened.topology.buckets.raw, before.keys);
  const etags = new Map(await mapBounded(before.keys, 16, async (key) => [key, await etagOf(opened, key)] as const));
  const failing = new Map(failed.flatMap(({ keys, error }) => keys.map((key) => [key, error] as const)));
  const nobody: Entry = { cleaner: undefined, joiner: undefined };
  return before.keys.map((key): Seen => {
    const error = failing.get(key);
    return {
      key,
      before: before.entries.get(key) ?? nobody,
      after: after.get(key) ?? nobody,
      etag: etags.get(key),
      ...(error === undefined ? {} : { failing: error }),
    };
  });
}

/** Whether it is not known yet what becomes of a source. */
export function isOpen(seen: Seen): boolean {
  return accountOf(seen).line.reason?.startsWith("failed: ") === true;
}

/** The same with why messages were parked. Failure records are looked through only where the ledger leaves a question. */
export async function withParked(opened: OpenedLake, before: Before, seen: readonly Seen[]): Promise<readonly Seen[]> {
  if (before.fetched !== true && !seen.some(isOpen)) return seen;
  const since = before.at.toISOString();
  const days = [...new Set([since, opened.clock.now().toISOString()].map((at) => at.slice(0, 10)))];
  const parked = new Map<string, Pick<Seen, "parked" | "refused">>();
  for (const record of await readFailures(placeOf(opened), days)) {
    if (record.at < since) continue;
    const unexpected = record.reason === "transient" || record.reason === "unexpected";
    const why = { reason: unexpected ? `failed: ${record.detail}` : record.reason, detail: record.detail };
    const found = record.service === "ingestor" ? { refused: why } : { parked: why };
    for (const key of keysIn(record)) parked.set(key, found);
  }
  return seen.map((one) => Object.assign({}, one, parked.get(one.key)));
}

function keysIn(record: FailureRecord): readonly string[] {
  return record.source === undefined ? keysOf({ Body: record.body }) : [record.source.key];
}

async function etagOf(opened: OpenedLake, key: string): Promise<string | undefined> {
  try {
    return (await opened.s3.send(new HeadObjectCommand({ Bucket: opened.topology.buckets.raw, Key: key }))).ETag;
  } catch (error) {
    if (httpStatusOf(error) === 404) return undefined;
    throw error;
  }
}
