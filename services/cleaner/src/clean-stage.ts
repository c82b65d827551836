/** The cleaner as a stage: a raw object in, one clean part and one quarantine part out. */
import type { Readable } from "node:stream";
import { GetObjectCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import type { Clients } from "@airlake/shared/clients";
import { cleanPartKey, quarantinePartKey, wantedRulesKey } from "@airlake/shared/contracts/keys";
import { storyIn } from "@airlake/shared/contracts/story";
import type { CleanReady } from "@airlake/shared/contracts/messages";
import type { Engines } from "@airlake/shared/duckdb";
import { TransientError, httpStatusOf } from "@airlake/shared/errors";
import type { LoadedDataset } from "@airlake/shared/load-dataset";
import { bodyOf } from "@airlake/shared/object-store";
import type { Attempt, Input, PartFile, Stage, Target, Wanted } from "@airlake/shared/stage/types";
import { readWantedRulePack } from "@airlake/shared/stage/wanted-rules";
import { createSourceCleaner } from "./clean-source.ts";
import type { Cleaned, CleanSource } from "./clean-source.ts";
import type { Limits } from "./limits.ts";
import type { RetractionFuse } from "./retraction-fuse.ts";

export interface CleanStageDeps {
  readonly clients: Clients;
  readonly engines: Engines;
  readonly datasets: ReadonlyMap<string, LoadedDataset>;
  readonly limits: Limits;
  /** Asked before a source's rows are taken out of the lake. */
  readonly fuse: Pick<RetractionFuse, "check">;
  readonly names: { readonly opsBucket: string; readonly nextQueueUrl: string };
}

/** The object as one GET gave it; its body is read once. */
interface RawObject extends AsyncDisposable {
  readonly body: Readable;
  readonly sizeBytes: number;
  readonly lastModified: Date;
}

/** Changes when the cleaner itself gives other rows for the same bytes and rules. */
const cleanerRevision = 1;

export function createCleanStage(deps: CleanStageDeps): Stage<RawObject> {
  const datasetOf = (target: Target): LoadedDataset => {
    const dataset = deps.datasets.get(target.dataset);
    if (dataset === undefined) throw new TransientError(`this worker has no dataset ${target.dataset}`);
    return dataset;
  };
  const cleaners = new Map(
    [...deps.datasets].map(([name, dataset]) => [name, createSourceCleaner({ engines: deps.engines, dataset })]),
  );
  const cleanerOf = (target: Target): CleanSource => {
    const cleaner = cleaners.get(target.dataset);
    if (cleaner === undefined) throw new TransientError(`this worker has no dataset ${target.dataset}`);
    return cleaner;
  };
  return {
    name: "cleaner",
    async readInput(target, signal) {
      const input = await readRaw(deps, target, signal);
      if (input.kind === "gone") await deps.fuse.check(target);
      return input;
    },
    identityNow: async (target, signal) => etagNow(deps, target, signal),

    async fingerprint(target) {
      const dataset = datasetOf(target);
      const rulePack = await readWantedRulePack(deps.clients.s3, deps.names.opsBucket, target.dataset);
      if (dataset.definition.rulePacks[String(rulePack)] === undefined) {
        throw new TransientError(
          `${wantedRulesKey(target.dataset)} wants rule pack ${rulePack}, which this worker lacks`,
        );
      }
      const text = `cleaner=${cleanerRevision} rules=${rulePack} dataset=${dataset.fingerprint} engine=${deps.engines.version}`;
      return { text, rulePack };
    },

    async work(target, input, attempt) {
      const cleaned = await cleanerOf(target)({
        body: input.value.body,
        sizeBytes: input.value.sizeBytes,
        source: target.source,
        sourceId: target.sourceId,
        lastModified: input.value.lastModified,
        rulePack: attempt.rulePack ?? 1,
        scratch: attempt.scratch,
        limits: deps.limits,
        signal: attempt.signal,
      });
      return cleaned.kind === "rejected" ? cleaned : wantedOf(target, attempt, cleaned);
    },

    async announce(target) {
      const ready: CleanReady = {
        contract: "clean-ready/1",
        source: target.source,
        correlationId: target.correlationId,
      };
      await deps.clients.sqs.send(
        new SendMessageCommand({ QueueUrl: deps.names.nextQueueUrl, MessageBody: JSON.stringify(ready) }),
      );
    },
  };
}

async function readRaw(deps: CleanStageDeps, target: Target, signal: AbortSignal): Promise<Input<RawObject>> {
  const { bucket, key } = target.source;
  try {
    const got = await deps.clients.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
    const body = bodyOf(got, `${bucket}/${key}`);
    if (got.ETag === undefined) throw new TransientError(`the answer for ${bucket}/${key} has no ETag`);
    const lastModified = got.LastModified ?? deps.clients.clock.now();
    const sizeBytes = got.ContentLength ?? 0;
    const version = got.VersionId === undefined ? {} : { versionId: got.VersionId };
    const story = storyIn(got.Metadata);
    return {
      kind: "present",
      identity: { identity: got.ETag, sizeBytes, lastModified: lastModified.toISOString(), ...version },
      value: { body, sizeBytes, lastModified, [Symbol.asyncDispose]: async () => void body.destroy() },
      ...(story === undefined ? {} : { correlationId: story }),
    };
  } catch (error) {
    // Only this answer means that the object is gone: not a missing bucket, not a refusal.
    if (error instanceof Error && error.name === "NoSuchKey") return { kind: "gone" };
    throw error;
  }
}

async function etagNow(deps: CleanStageDeps, target: Target, signal: AbortSignal): Promise<string> {
  const { bucket, key } = target.source;
  try {
    const head = await deps.clients.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), {
      abortSignal: signal,
    });
    return head.ETag ?? "";
  } catch (error) {
    // A HEAD cannot tell a missing bucket; where "gone" is news, the next round's GET decides.
    if (httpStatusOf(error) === 404) return "gone";
    throw error;
  }
}

function wantedOf(target: Target, attempt: Attempt, cleaned: Cleaned): Wanted {
  const part = { sourceId: target.sourceId, generation: attempt.generation, attempt: attempt.id };
  const files: PartFile[] = [];
  if (cleaned.clean !== undefined) {
    const { file, rows, bytes } = cleaned.clean;
    files.push({
      file,
      part: { bucket: "silver", key: cleanPartKey(target.dataset, part), rows, bytes, role: "clean", partition: "" },
    });
  }
  if (cleaned.quarantine !== undefined) {
    const { file, rows, bytes } = cleaned.quarantine;
    files.push({
      file,
      part: {
        bucket: "silver",
        key: quarantinePartKey(target.dataset, part),
        rows,
        bytes,
        role: "quarantine",
        partition: "",
      },
    });
  }
  return {
    kind: "outputs",
    files,
    counts: cleaned.counts,
    format: cleaned.format,
    referenceTime: cleaned.referenceTime.toISOString(),
    timings: cleaned.timings,
  };
}
