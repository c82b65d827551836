/** The manifest's transitions as pure functions: is it in line, with an intent, committed. */
import { sourceIdOf } from "../contracts/keys.ts";
import type { StageName } from "../contracts/keys.ts";
import type { InputIdentity, Manifest, PartRef } from "../contracts/manifest.ts";
import type { Attempt, Target, Wanted } from "./types.ts";

/** How many versions of a source a manifest remembers. */
const versionsKept = 20;

/**
 * Nothing is to be done: same input, same fingerprint, and nothing unfinished. Of a source that is gone the fingerprint says nothing.
 * A replay tries once more what was rejected, unless the rejection is its own: its message can come twice, too.
 */
export function isInLine(
  manifest: Manifest | undefined,
  identity: string,
  fingerprint: string,
  replayId: string | undefined,
): boolean {
  if (manifest === undefined) return identity === "gone";
  if (wantsRetry(manifest, replayId)) return false;
  const tidy = manifest.pending.length === 0 && manifest.debris.length === 0 && manifest.rejection?.parked !== false;
  const same = manifest.input?.identity === identity && (identity === "gone" || manifest.fingerprint === fingerprint);
  return tidy && same;
}

function wantsRetry({ state, rejection }: Manifest, replayId: string | undefined): boolean {
  return state === "rejected" && replayId !== undefined && rejection?.replayId !== replayId;
}

interface Step {
  readonly target: Target;
  readonly stage: StageName;
  readonly deps: { readonly workerVersion: string };
  readonly fingerprint: { readonly text: string; readonly rulePack: number | null };
}

/** The manifest with the keys of the parts that are about to be written. */
export function intended(base: Manifest | undefined, step: Step & { readonly mine: readonly PartRef[] }): Manifest {
  const manifest = base ?? blank(step);
  return { ...manifest, pending: [...manifest.pending, ...step.mine] };
}

export interface Commit extends Step {
  readonly identity: InputIdentity;
  readonly attempt: Attempt;
  readonly wanted: Exclude<Wanted, { kind: "moved" }> | "gone";
  readonly failureKey: string | undefined;
  readonly replayId: string | undefined;
  readonly at: Date;
  readonly tookMs: number;
}

/** The manifest of what is wanted now; what counted before, and everyone's intents, become debris. */
export function committed(base: Manifest | undefined, commit: Commit): Manifest {
  const before = base ?? blank(commit);
  const result = resultOf(before, commit);
  const kept = new Set(result.outputs.map((part) => part.key));
  const old = [...before.debris, ...before.outputs, ...before.pending].filter((part) => !kept.has(part.key));
  const debris = [...new Map(old.map(({ bucket, key, partition }) => [key, { bucket, key, partition }])).values()];
  const version = {
    identity: commit.identity.identity,
    generation: before.generation + 1,
    state: result.state,
    read: result.state === "current" ? (result.counts?.read ?? null) : null,
    kept: result.state === "current" ? (result.counts?.kept ?? null) : null,
    at: commit.at.toISOString(),
  };
  return {
    // Field by field: one that only a newer version knows would say of this commit what was true of another.
    contract: before.contract,
    stage: before.stage,
    dataset: before.dataset,
    source: before.source,
    sourceId: before.sourceId,
    ...result,
    generation: before.generation + 1,
    attempt: commit.attempt.id,
    input: commit.identity,
    fingerprint: commit.fingerprint.text,
    rulePack: commit.fingerprint.rulePack,
    pending: [],
    debris,
    versions: [version, ...before.versions].slice(0, versionsKept),
    committedAt: commit.at.toISOString(),
    correlationId: commit.target.correlationId,
    workerVersion: commit.deps.workerVersion,
  };
}

type Result = Pick<
  Manifest,
  "state" | "stale" | "outputs" | "counts" | "format" | "referenceTime" | "rejection" | "timings"
>;

function resultOf(before: Manifest, commit: Commit): Result {
  const { wanted } = commit;
  const timings = { totalMs: Math.round(commit.tookMs) };
  if (wanted === "gone") {
    return {
      state: "retracted",
      stale: false,
      outputs: [],
      counts: null,
      format: null,
      referenceTime: null,
      rejection: null,
      timings,
    };
  }
  if (wanted.kind === "rejected") {
    const { reason, detail } = wanted;
    if (commit.failureKey === undefined) throw new Error("a rejection is committed only with its failure record");
    // The last good outputs stay, with their counts.
    const { outputs, counts, format, referenceTime } = before;
    const replayed = commit.replayId === undefined ? {} : { replayId: commit.replayId };
    const rejection = { reason, detail, failureKey: commit.failureKey, parked: false, ...replayed };
    return { state: "rejected", stale: counts !== null, outputs, counts, format, referenceTime, rejection, timings };
  }
  const { counts, format, referenceTime } = wanted;
  const outputs = wanted.files.map(({ part }) => part);
  return {
    state: "current",
    stale: false,
    outputs,
    counts,
    format,
    referenceTime,
    rejection: null,
    timings: { ...wanted.timings, ...timings },
  };
}

/** The manifest of a source that a stage has not seen. */
export function blankManifest(
  of: Pick<Manifest, "stage" | "dataset" | "source" | "correlationId" | "workerVersion">,
): Manifest {
  return {
    contract: "manifest/1",
    stage: of.stage,
    dataset: of.dataset,
    source: of.source,
    sourceId: sourceIdOf(of.source),
    generation: 0,
    attempt: "",
    state: "new",
    stale: false,
    input: null,
    fingerprint: "",
    rulePack: null,
    format: null,
    referenceTime: null,
    counts: null,
    rejection: null,
    outputs: [],
    pending: [],
    debris: [],
    versions: [],
    timings: {},
    committedAt: null,
    correlationId: of.correlationId,
    workerVersion: of.workerVersion,
  };
}

function blank({ stage, target, deps }: Step): Manifest {
  const { dataset, source, correlationId } = target;
  return blankManifest({ stage, dataset, source, correlationId, workerVersion: deps.workerVersion });
}
