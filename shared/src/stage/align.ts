/**
 * The stage protocol: bring a source's outputs in line with its input, whatever happened before and whoever else is at it.
 *
 * One round: read manifest and input → skip, or: work → intent (CAS) → put parts → commit (CAS) → delete debris, send, clear debris
 * (CAS) → look again. A crash anywhere leaves a message that returns and a manifest that names everything unfinished.
 * The numbers in the comments are the steps in docs/architecture.md.
 */
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import type { Clock } from "../clock.ts";
import type { InputIdentity, Manifest, PartRef } from "../contracts/manifest.ts";
import type { Buckets } from "../contracts/topology.ts";
import { TransientError } from "../errors.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Facts, Outcome } from "../outcome.ts";
import type { Hand } from "../worker/hand.ts";
import { deleteParts } from "./delete-parts.ts";
import { committed, intended, isInLine } from "./manifest-steps.ts";
import type { ManifestStore, Stored } from "./manifest-store.ts";
import type { Attempt, PartFile, Stage, Target, Wanted } from "./types.ts";

export interface AlignDeps<T extends AsyncDisposable> {
  readonly stage: Stage<T>;
  readonly s3: ObjectStore;
  readonly manifests: ManifestStore;
  readonly clock: Clock;
  readonly settings: AlignSettings;
}

export interface AlignSettings {
  readonly buckets: Pick<Buckets, "silver" | "gold">;
  readonly scratchFolder: string;
  readonly workerVersion: string;
}

/** Two workers that change one source in turn settle within a few rounds; beyond this the message comes back later. */
const maxRounds = 20;
/** Parts on their way to the bucket at once. */
const putConcurrency = 8;

/** Rounds until outputs and input agree. Throws TransientError where that needs another receive; then nothing is acknowledged. */
export async function align<T extends AsyncDisposable>(
  deps: AlignDeps<T>,
  target: Target,
  hand: Hand,
): Promise<Outcome> {
  for (let round = 1; round <= maxRounds; round += 1) {
    const outcome = await alignOnce(deps, target, hand);
    // Also before acknowledging: a receipt whose lease is over could delete the message that another worker holds.
    hand.lease.check();
    if (outcome !== "again") return outcome;
    await deps.clock.sleep(10 + deps.clock.random() * 40 * round, hand.signal);
  }
  throw new TransientError(`${target.source.key}: still changing after ${maxRounds} rounds`);
}

async function alignOnce<T extends AsyncDisposable>(
  deps: AlignDeps<T>,
  target: Target,
  hand: Hand,
): Promise<Outcome | "again"> {
  const { stage, manifests } = deps;
  // 2. The manifest first: what is read of the input afterwards is at least as new.
  const base = await manifests.read(stage.name, target);
  const fingerprint = await stage.fingerprint(target);
  const input = await stage.readInput(target, hand.signal);
  await using closing = new AsyncDisposableStack();
  if (input.kind === "present") closing.use(input.value);
  const identity: InputIdentity = input.kind === "present" ? input.identity : { identity: "gone" };
  hand.lease.check();

  if (isInLine(base?.manifest, identity.identity, fingerprint.text))
    return await skip(deps, target, hand, { base, identity });

  const scratch = closing.adopt(await mkdtemp(join(deps.settings.scratchFolder, `${stage.name}-`)), async (folder) =>
    rm(folder, { recursive: true, force: true }),
  );
  const generation = (base?.manifest.generation ?? 0) + 1;
  const attempt: Attempt = {
    id: deps.clock.newId(),
    generation,
    rulePack: fingerprint.rulePack,
    scratch,
    signal: hand.signal,
  };
  const startedMs = deps.clock.monotonicMs();
  // 3 and 4. Bytes and accounting are checked in here, before anything is written.
  const wanted = input.kind === "gone" ? "gone" : await stage.work(target, input, attempt);
  if (wanted !== "gone" && wanted.kind === "moved") return "again";

  // Awaited here: the scratch folder goes away with this function.
  return await write(deps, target, hand, { base, identity, fingerprint, attempt, wanted, startedMs });
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
async function write<T extends AsyncDisposable>(
  deps: AlignDeps<T>,
  target: Target,
  hand: Hand,
  round: Round,
): Promise<Outcome | "again"> {
  const { manifests, stage } = deps;
  const files = round.wanted !== "gone" && round.wanted.kind === "outputs" ? round.wanted.files : [];
  const mine = files.map(({ part }): PartRef => ({ bucket: part.bucket, key: part.key, partition: part.partition }));
  hand.lease.check();

  let base = round.base;
  if (mine.length > 0) {
    // 5. Intent: from here on the parts are named, so whoever comes next can delete them.
    const intent = intended(base?.manifest, { ...round, target, stage: stage.name, mine, deps: deps.settings });
    const announced = await manifests.swap(base, intent, hand.signal);
    if (announced === "lost") return "again";
    base = announced;
  }
  const done = async (stored: Stored): Promise<Outcome | "again"> =>
    finish(deps, target, hand, { stored, identity: round.identity });
  const answer = await putAndCommit(deps, target, hand, { ...round, base, files }).catch(failed);
  if (answer !== "lost" && "etag" in answer) return done(answer);

  const now = await manifests.read(stage.name, target);
  // My own commit, whose answer was lost on its way.
  if (now?.manifest.attempt === round.attempt.id) return done(now);
  // The manifest has moved on: no commit of mine can arrive any more, and my intent may be somebody's debris of the past.
  if (now?.etag !== base?.etag) {
    const named = new Set(now?.manifest.outputs.map((part) => part.key));
    const unnamed = mine.filter((part) => !named.has(part.key));
    await deleteParts(deps, unnamed);
  }
  if (answer !== "lost") throw answer.error;
  return "again";
}

interface Failed {
  readonly error: unknown;
}

function failed(error: unknown): Failed {
  return { error };
}

async function putAndCommit<T extends AsyncDisposable>(
  deps: AlignDeps<T>,
  target: Target,
  hand: Hand,
  round: Round & { readonly files: readonly PartFile[] },
): Promise<Stored | "lost"> {
  // 6.
  await putParts(deps, round.files, hand);
  hand.lease.check();
  const failureKey = await recordRejection(target, hand, round);
  // 7.
  const next = committed(round.base?.manifest, {
    ...round,
    target,
    stage: deps.stage.name,
    deps: deps.settings,
    failureKey,
    at: deps.clock.now(),
    tookMs: deps.clock.monotonicMs() - round.startedMs,
  });
  return deps.manifests.swap(round.base, next, hand.signal);
}

/** Steps 8 and 9. The lease does not matter here: what is committed is to be tidied and told by whoever can. */
async function finish<T extends AsyncDisposable>(
  deps: AlignDeps<T>,
  target: Target,
  hand: Hand,
  done: { readonly stored: Stored; readonly identity: InputIdentity },
): Promise<Outcome | "again"> {
  const { manifest } = done.stored;
  await deleteParts(deps, manifest.debris);
  await deps.stage.announce(target, manifest, partitionsOf([...manifest.outputs, ...manifest.debris]));
  const unparked = manifest.rejection !== null && !manifest.rejection.parked ? manifest.rejection : undefined;
  if (unparked !== undefined) await hand.park(unparked.reason, unparked.failureKey);
  if (manifest.debris.length > 0 || unparked !== undefined) {
    const rejection = manifest.rejection === null ? null : { ...manifest.rejection, parked: true };
    if ((await deps.manifests.swap(done.stored, { ...manifest, debris: [], rejection })) === "lost") return "again";
  }
  if (!(await isStillSo(deps, target, hand, done))) return "again";
  return outcomeOf(manifest);
}

/** In line already: the next message is sent all the same, for an earlier attempt may have died before sending. */
async function skip<T extends AsyncDisposable>(
  deps: AlignDeps<T>,
  target: Target,
  hand: Hand,
  seen: { readonly base: Stored | undefined; readonly identity: InputIdentity },
): Promise<Outcome | "again"> {
  const manifest = seen.base?.manifest;
  await deps.stage.announce(target, manifest, partitionsOf(manifest?.outputs ?? []));
  if (!(await isStillSo(deps, target, hand, { stored: seen.base, identity: seen.identity }))) return "again";
  return { kind: "skipped", reason: manifest === undefined ? "never-seen-and-gone" : `already-${manifest.state}` };
}

/** 9. The input has not changed since it was read, and nobody's intent was left behind. */
async function isStillSo<T extends AsyncDisposable>(
  deps: AlignDeps<T>,
  target: Target,
  hand: Hand,
  seen: { readonly stored: Stored | undefined; readonly identity: InputIdentity },
): Promise<boolean> {
  if ((seen.stored?.manifest.pending.length ?? 0) > 0) return false;
  return (await deps.stage.identityNow(target, hand.signal)) === seen.identity.identity;
}

/** Comes back only when no part is on its way any more: one that arrived after this attempt gave up would be nobody's. */
async function putParts<T extends AsyncDisposable>(
  deps: AlignDeps<T>,
  files: readonly PartFile[],
  hand: Hand,
): Promise<void> {
  const queue = [...files];
  const failures: Failed[] = [];
  const putNext = async (): Promise<void> => {
    for (
      let next = queue.shift();
      next !== undefined && failures.length === 0 && !hand.lease.isOver();
      next = queue.shift()
    ) {
      await putPart(deps, next, hand.signal).catch((error: unknown) => failures.push({ error }));
    }
  };
  await Promise.all(Array.from({ length: Math.min(putConcurrency, queue.length) }, putNext));
  if (failures[0] !== undefined) throw failures[0].error;
}

async function putPart<T extends AsyncDisposable>(
  deps: AlignDeps<T>,
  { file, part }: PartFile,
  signal: AbortSignal,
): Promise<void> {
  const body = createReadStream(file);
  // A client that gives up early never looks at the stream; its error without a listener would end this worker.
  body.on("error", () => {});
  try {
    await deps.s3.send(
      new PutObjectCommand({
        Bucket: deps.settings.buckets[part.bucket],
        Key: part.key,
        Body: body,
        ContentLength: part.bytes,
        ContentType: "application/vnd.apache.parquet",
      }),
      { abortSignal: signal },
    );
  } finally {
    body.destroy();
  }
}

/** The record is written before the manifest names it. */
async function recordRejection(target: Target, hand: Hand, round: Round): Promise<string | undefined> {
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

function outcomeOf(manifest: Manifest): Outcome {
  const facts: Facts = {
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
