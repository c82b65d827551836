/**
 * The stage protocol: bring a source's outputs in line with its input, whatever happened before and whoever else is at it.
 *
 * One round: read manifest and input → skip, or: work → intent (CAS) → put parts → commit (CAS) → delete debris, send, clear debris
 * (CAS) → look again. A crash anywhere leaves a message that returns and a manifest that names everything unfinished.
 * The numbers in the comments are the steps in docs/architecture.md.
 */
import type { Clock } from "../clock.ts";
import type { InputIdentity, Manifest, PartRef } from "../contracts/manifest.ts";
import type { Buckets } from "../contracts/topology.ts";
import { TransientError } from "../errors.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Facts, Outcome } from "../outcome.ts";
import type { Hand } from "../worker/hand.ts";
import type { ScratchFolders } from "../worker/scratch-folders.ts";
import { deleteParts } from "./delete-parts.ts";
import { committed, intended, isInLine } from "./manifest-steps.ts";
import type { ManifestStore, Stored } from "./manifest-store.ts";
import { putParts } from "./put-parts.ts";
import type { Attempt, Input, PartFile, Stage, Target, Wanted } from "./types.ts";

export interface AlignDeps<T extends AsyncDisposable> {
  readonly stage: Stage<T>;
  readonly s3: ObjectStore;
  readonly manifests: ManifestStore;
  readonly clock: Clock;
  readonly settings: AlignSettings;
}

export interface AlignSettings {
  readonly buckets: Pick<Buckets, "silver" | "gold">;
  readonly scratch: ScratchFolders;
  readonly workerVersion: string;
}

/** One message's work. */
interface Task<T extends AsyncDisposable> extends AlignDeps<T> {
  readonly target: Target;
  readonly hand: Hand;
}

/** Two workers that change one source in turn settle within a few rounds; beyond this the message comes back later. */
const maxRounds = 20;

/** Rounds until outputs and input agree. Throws TransientError where that needs another receive; then nothing is acknowledged. */
export async function align<T extends AsyncDisposable>(
  deps: AlignDeps<T>,
  target: Target,
  hand: Hand,
): Promise<Outcome> {
  const task = { ...deps, target, hand };
  for (let round = 1; round <= maxRounds; round += 1) {
    const outcome = await alignOnce(task);
    // Also before acknowledging: a receipt whose lease is over could delete the message that another worker holds.
    hand.lease.check();
    if (outcome !== "again") return outcome;
    await deps.clock.sleep(10 + deps.clock.random() * 40 * round, hand.signal);
  }
  throw new TransientError(`${target.source.key}: still changing after ${maxRounds} rounds`);
}

async function alignOnce<T extends AsyncDisposable>(given: Task<T>): Promise<Outcome | "again"> {
  const { stage, clock, hand } = given;
  // 2. The manifest first: what is read of the input afterwards is at least as new.
  const base = await given.manifests.read(stage.name, given.target);
  const fingerprint = await stage.fingerprint(given.target);
  const input = await stage.readInput(given.target, hand.signal);
  const target = storyOf(given.target, input);
  const task = { ...given, target };
  await using closing = new AsyncDisposableStack();
  if (input.kind === "present") closing.use(input.value);
  const identity: InputIdentity = input.kind === "present" ? input.identity : { identity: "gone" };
  hand.lease.check();
  if (isInLine(base?.manifest, identity.identity, fingerprint.text, hand.replayId))
    return await skip(task, base, identity);

  const { path: scratch } = closing.use(await task.settings.scratch.take());
  const generation = (base?.manifest.generation ?? 0) + 1;
  const { rulePack } = fingerprint;
  const attempt: Attempt = { id: clock.newId(), generation, rulePack, scratch, signal: hand.signal };
  const startedMs = clock.monotonicMs();
  // 3 and 4. Bytes and accounting are checked in here, before anything is written.
  const wanted = input.kind === "gone" ? "gone" : await stage.work(target, input, attempt);
  if (wanted !== "gone" && wanted.kind === "moved") return "again";
  // Awaited here: the scratch folder goes away with this function.
  return await write(task, { base, identity, fingerprint, attempt, wanted, startedMs });
}

/** The target, with the story that its input names where the message only begins one. */
function storyOf(target: Target, input: Input<AsyncDisposable>): Target {
  if (target.begins !== true || input.kind !== "present" || input.correlationId === undefined) return target;
  return { ...target, correlationId: input.correlationId };
}

/** In line already: the next message is sent all the same, for an earlier attempt may have died before sending. */
async function skip<T extends AsyncDisposable>(
  task: Task<T>,
  base: Stored | undefined,
  identity: InputIdentity,
): Promise<Outcome | "again"> {
  const manifest = base?.manifest;
  await task.stage.announce(task.target, manifest, partitionsOf(manifest?.outputs ?? []));
  if (!(await isStillSo(task, base, identity))) return "again";
  return {
    kind: "skipped",
    reason: manifest === undefined ? "never-seen-and-gone" : `already-${manifest.state}`,
    facts: { correlationId: task.target.correlationId },
  };
}

interface Round {
  readonly base: Stored | undefined;
  readonly identity: InputIdentity;
  readonly fingerprint: { readonly text: string; readonly rulePack: number | null };
  readonly attempt: Attempt;
  readonly wanted: Exclude<Wanted, { kind: "moved" }> | "gone";
  readonly startedMs: number;
}

/** Steps 5 to 7: intent, parts, commit; then the rest. */
async function write<T extends AsyncDisposable>(task: Task<T>, round: Round): Promise<Outcome | "again"> {
  const { stage, manifests, target, hand } = task;
  const files = round.wanted !== "gone" && round.wanted.kind === "outputs" ? round.wanted.files : [];
  const mine = files.map(({ part: { bucket, key, partition } }): PartRef => ({ bucket, key, partition }));
  hand.lease.check();

  let { base } = round;
  if (mine.length > 0) {
    // 5. Intent: from here on the parts are named, so whoever comes next can delete them.
    const intent = intended(base?.manifest, { ...round, target, stage: stage.name, mine, deps: task.settings });
    const announced = await manifests.swap(base, intent, hand.signal);
    if (announced === "lost") return "again";
    base = announced;
  }
  const answer = await putAndCommit(task, { ...round, base }, files).catch(failed);
  if (answer !== "lost" && "etag" in answer) return finish(task, answer, round.identity);
  return settle(task, { ...round, base, mine }, answer);
}

async function putAndCommit<T extends AsyncDisposable>(
  task: Task<T>,
  round: Round,
  files: readonly PartFile[],
): Promise<Stored | "lost"> {
  const { stage, clock, target, hand } = task;
  // 6.
  await putParts(task, files, hand);
  hand.lease.check();
  const failureKey = await recordRejection(task, round);
  // 7.
  const times = { at: clock.now(), tookMs: clock.monotonicMs() - round.startedMs };
  const next = committed(round.base?.manifest, {
    ...round,
    ...times,
    target,
    stage: stage.name,
    deps: task.settings,
    failureKey,
    replayId: hand.replayId,
  });
  return task.manifests.swap(round.base, next, hand.signal);
}

interface Failed {
  readonly error: unknown;
}

function failed(error: unknown): Failed {
  return { error };
}

/** The commit was lost, or something failed on the way to it: what is true now? */
async function settle<T extends AsyncDisposable>(
  task: Task<T>,
  round: Round & { readonly mine: readonly PartRef[] },
  answer: "lost" | Failed,
): Promise<Outcome | "again"> {
  const now = await task.manifests.read(task.stage.name, task.target);
  // My own commit, whose answer was lost on its way.
  if (now?.manifest.attempt === round.attempt.id) return finish(task, now, round.identity);
  // The manifest has moved on: no commit of mine can arrive any more, and whoever took my intent over may be done with it.
  if (now?.etag !== round.base?.etag) {
    const unnamed = round.mine.filter((part) => !now?.manifest.outputs.some(({ key }) => key === part.key));
    await deleteParts(task, unnamed);
  }
  if (answer !== "lost") throw answer.error;
  return "again";
}

/** Steps 8 and 9. The lease does not matter here: what is committed is to be tidied and told by whoever can. */
async function finish<T extends AsyncDisposable>(
  task: Task<T>,
  stored: Stored,
  identity: InputIdentity,
): Promise<Outcome | "again"> {
  const { manifest } = stored;
  await deleteParts(task, manifest.debris);
  await task.stage.announce(task.target, manifest, partitionsOf([...manifest.outputs, ...manifest.debris]));
  const unparked = manifest.rejection !== null && !manifest.rejection.parked ? manifest.rejection : undefined;
  if (unparked !== undefined) await task.hand.park(unparked.reason, unparked.failureKey);
  if (manifest.debris.length > 0 || unparked !== undefined) {
    const rejection = manifest.rejection === null ? null : { ...manifest.rejection, parked: true };
    if ((await task.manifests.swap(stored, { ...manifest, debris: [], rejection })) === "lost") return "again";
  }
  if (!(await isStillSo(task, stored, identity))) return "again";
  return outcomeOf(manifest, task.target);
}

/** 9. The input has not changed since it was read, and nobody's intent was left behind. */
async function isStillSo<T extends AsyncDisposable>(
  task: Task<T>,
  stored: Stored | undefined,
  identity: InputIdentity,
): Promise<boolean> {
  if ((stored?.manifest.pending.length ?? 0) > 0) return false;
  return (await task.stage.identityNow(task.target, task.hand.signal)) === identity.identity;
}

/** The record is written before the manifest names it. */
async function recordRejection<T extends AsyncDisposable>(
  { target, hand }: Task<T>,
  round: Round,
): Promise<string | undefined> {
  const { wanted } = round;
  if (wanted === "gone" || wanted.kind !== "rejected") return undefined;
  return hand.recordFailure({
    reason: wanted.reason,
    detail: wanted.detail,
    source: target.source,
    identity: round.identity.identity,
    attempt: round.attempt.id,
    ...(wanted.firstBytes === undefined ? {} : { firstBytes: wanted.firstBytes }),
  });
}

function outcomeOf(manifest: Manifest, { correlationId }: Target): Outcome {
  const facts: Facts = {
    correlationId,
    state: manifest.state,
    generation: manifest.generation,
    rowsRead: manifest.counts?.read ?? 0,
    rowsKept: manifest.counts?.kept ?? 0,
    rowsQuarantined: manifest.counts?.quarantined ?? 0,
    parts: manifest.outputs.length,
  };
  if (manifest.rejection === null) return { kind: "done", facts };
  return {
    kind: "rejected",
    reason: manifest.rejection.reason,
    detail: manifest.rejection.detail,
    facts,
    parked: true,
  };
}

function partitionsOf(parts: readonly PartRef[]): readonly string[] {
  return [...new Set(parts.filter((part) => part.bucket === "gold").map((part) => part.partition))].toSorted();
}
