/**
 * Stops a mass retraction: a wrong or emptied bucket must not empty the lake. Each retraction asks here first.
 *
 * States of a dataset's fuse: whole → blown (more than a share of all sources within an hour, and more than a minimum) → whole again by
 * an operator's word. The state is one object in ops that all workers change by conditional PUT, so they count together.
 */
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import type { Clock } from "../clock.ts";
import { type Fuse, fuseSchema } from "../contracts/fuse.ts";
import { fuseKey } from "../contracts/keys.ts";
import { parseJson } from "../contracts/s3-event.ts";
import { TransientError, httpStatusOf } from "../errors.ts";
import type { ObjectStore } from "../object-store.ts";

export interface FusePlace {
  readonly s3: ObjectStore;
  readonly opsBucket: string;
  readonly clock: Clock;
}

type Pass = NonNullable<Fuse["pass"]>;

export interface FuseSettings {
  /** Percent of all sources that may be retracted within an hour. 100: the fuse never blows. */
  readonly sharePercent: number;
  /** So many may be retracted within an hour in any case: small lakes are not bothered. */
  readonly minimum: number;
}

const windowMs = 3_600_000;
const slotMs = 300_000;
/** Counting a large bucket takes seconds. */
const countStaysMs = 300_000;
/** Workers that ask at the same time take turns. */
const mostTries = 30;

/** The fuse as it is; a whole one where nobody has ever asked. */
export async function readFuse(place: FusePlace, dataset: string): Promise<Fuse> {
  return (await read(place, dataset)).fuse;
}

/**
 * Asks for so many retractions; gives how many may be done, and the fuse. `countSources` counts the dataset's objects in raw, and is asked
 * only when it comes to it.
 */
export async function askFuse(
  place: FusePlace,
  dataset: string,
  ask: { readonly retractions: number; readonly settings: FuseSettings; readonly countSources: () => Promise<number> },
): Promise<{ readonly granted: number; readonly fuse: Fuse }> {
  let granted = 0;
  const fuse = await changeFuse(place, dataset, async (before) => {
    const now = place.clock.now();
    const pruned = { ...before, recent: recentOf(before, now) };
    const isFresh = now.getTime() - Date.parse(before.sources?.countedAt ?? "") < countStaysMs;
    const isNear = sumOf(pruned) + ask.retractions > ask.settings.minimum && before.blown === null && !isFresh;
    const sources = isNear ? { count: await ask.countSources(), countedAt: now.toISOString() } : before.sources;
    const taken = take({ ...pruned, sources }, { ...ask, now });
    granted = taken.granted;
    // A fuse that is blown, or that nothing was taken of, is only read: thousands may ask it.
    return granted === 0 && taken.fuse.blown?.at === before.blown?.at ? before : taken.fuse;
  });
  return { granted, fuse };
}

/** Lets so many retractions by, for a while, whatever the fuse says. They come on top of those that were let by before. */
export async function permitRetractions(
  place: FusePlace,
  dataset: string,
  permit: { readonly retractions: number; readonly forMs: number; readonly by: string; readonly mends: boolean },
): Promise<Fuse> {
  return changeFuse(place, dataset, async (before) => {
    const now = place.clock.now();
    const left = (passAt(before, now)?.left ?? 0) + permit.retractions;
    const until = new Date(now.getTime() + permit.forMs).toISOString();
    return { ...(permit.mends ? mended(before) : before), pass: { left, until, by: permit.by } };
  });
}

/** Makes a blown fuse whole, and forgets what was counted. */
export async function mendFuse(place: FusePlace, dataset: string): Promise<Fuse> {
  return changeFuse(place, dataset, async (before) => mended(before));
}

function mended(fuse: Fuse): Fuse {
  return { ...fuse, blown: null, recent: {}, sources: null };
}

/** Retractions of the last hour that were counted. */
export function sumOf({ recent }: Fuse): number {
  return Object.values(recent).reduce((sum, count) => sum + count, 0);
}

/** What is left of an operator's word; undefined where it is used up or over. */
export function passAt({ pass }: Fuse, now: Date): Pass | undefined {
  return pass !== null && pass.left > 0 && Date.parse(pass.until) > now.getTime() ? pass : undefined;
}

function recentOf({ recent }: Fuse, now: Date): Fuse["recent"] {
  const sinceMs = now.getTime() - windowMs;
  return Object.fromEntries(Object.entries(recent).filter(([slot]) => Date.parse(slot) + slotMs > sinceMs));
}

function take(
  before: Fuse,
  { retractions, settings, now }: { readonly retractions: number; readonly settings: FuseSettings; readonly now: Date },
): { readonly granted: number; readonly fuse: Fuse } {
  const pass = passAt(before, now);
  const passed = Math.min(pass?.left ?? 0, retractions);
  const left = pass === undefined ? before.pass : { ...pass, left: pass.left - passed };
  const counted = before.blown === null ? Math.min(retractions - passed, roomIn(before, settings)) : 0;
  const slot = new Date(Math.floor(now.getTime() / slotMs) * slotMs).toISOString();
  const recent = counted === 0 ? before.recent : { ...before.recent, [slot]: (before.recent[slot] ?? 0) + counted };
  const granted = passed + counted;
  const after = { ...before, pass: left, recent };
  if (granted === retractions || before.blown !== null) return { granted, fuse: after };
  const blown = { at: now.toISOString(), retractions: sumOf(after), sources: allSources(after) };
  return { granted, fuse: { ...after, blown } };
}

/** How many more may be retracted before it blows. */
function roomIn(fuse: Fuse, { sharePercent, minimum }: FuseSettings): number {
  if (sharePercent >= 100) return Infinity;
  const most = Math.max(minimum, Math.floor((allSources(fuse) * sharePercent) / 100));
  return Math.max(0, most - sumOf(fuse));
}

/** Those that are there, and those that were until lately. */
function allSources(fuse: Fuse): number {
  return (fuse.sources?.count ?? 0) + sumOf(fuse);
}

async function changeFuse(place: FusePlace, dataset: string, change: (before: Fuse) => Promise<Fuse>): Promise<Fuse> {
  for (let tries = 1; tries <= mostTries; tries += 1) {
    const { fuse, etag } = await read(place, dataset);
    const next = await change(fuse);
    if (next === fuse || (await write(place, next, etag))) return next;
    await place.clock.sleep(5 + place.clock.random() * 20 * tries);
  }
  throw new TransientError(`the fuse of ${dataset} is being changed by others, ${mostTries} times in a row`);
}

async function read(
  { s3, opsBucket }: FusePlace,
  dataset: string,
): Promise<{ readonly fuse: Fuse; readonly etag: string | undefined }> {
  try {
    const got = await s3.send(new GetObjectCommand({ Bucket: opsBucket, Key: fuseKey(dataset) }));
    const text = (await got.Body?.transformToString()) ?? "";
    return { fuse: fuseSchema.parse(parseJson(text)), etag: got.ETag };
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "NoSuchKey") throw error;
    const fuse: Fuse = { contract: "fuse/1", dataset, recent: {}, sources: null, blown: null, pass: null };
    return { fuse, etag: undefined };
  }
}

/** False where another was faster. */
async function write({ s3, opsBucket }: FusePlace, fuse: Fuse, etag: string | undefined): Promise<boolean> {
  try {
    await s3.send(
      new PutObjectCommand({
        Bucket: opsBucket,
        Key: fuseKey(fuse.dataset),
        Body: `${JSON.stringify(fuse)}\n`,
        ContentType: "application/json",
        ...(etag === undefined ? { IfNoneMatch: "*" } : { IfMatch: etag }),
      }),
    );
    return true;
  } catch (error) {
    if (httpStatusOf(error) === 412 || httpStatusOf(error) === 409 || httpStatusOf(error) === 404) return false;
    throw error;
  }
}
