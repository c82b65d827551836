/** The joiner as a stage: a clean part in, one gold part for each partition out. */
import { join } from "node:path";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { createBatches } from "@airlake/shared/batches";
import type { Clients } from "@airlake/shared/clients";
import { goldPartKey } from "@airlake/shared/contracts/keys";
import { type Manifest, commitOf } from "@airlake/shared/contracts/manifest";
import type { PartitionsChanged } from "@airlake/shared/contracts/messages";
import type { DuckDb, Engines } from "@airlake/shared/duckdb";
import { TransientError } from "@airlake/shared/errors";
import type { LoadedDataset } from "@airlake/shared/load-dataset";
import { saveBody } from "@airlake/shared/object-store";
import type { ManifestStore } from "@airlake/shared/stage/manifest-store";
import type { Attempt, Stage, Target, Wanted } from "@airlake/shared/stage/types";
import { type Joined, type JoinJob, joinParts } from "./join-parts.ts";
import { messagesOf, mostPartitions, tooManyPartitions } from "./limits.ts";
import type { References } from "./references.ts";

export interface JoinStageDeps {
  readonly clients: Clients;
  readonly engines: Engines;
  readonly datasets: ReadonlyMap<string, LoadedDataset>;
  readonly references: References;
  readonly upstream: {
    readonly manifests: ManifestStore;
    readonly silverBucket: string;
    readonly nextQueueUrl: string;
  };
}

/** The upstream manifest, as the joiner's input. */
interface Upstream extends AsyncDisposable {
  readonly manifest: Manifest;
}

/** Changes when the joiner itself gives other rows for the same clean part and definitions. */
const joinerRevision = 1;

/** Parts with no more rows are joined several in one go: most of a small one's cost is the statement, not the rows. */
const smallRows = 20_000;
const smallAtOnce = 50;

export function createJoinStage(deps: JoinStageDeps): Stage<Upstream> {
  const joiners = new Map([...deps.datasets].map(([name, dataset]) => [name, createJoiner(deps, dataset)]));
  const datasetOf = (target: Target): LoadedDataset => {
    const dataset = deps.datasets.get(target.dataset);
    if (dataset === undefined) throw new TransientError(`this worker has no dataset ${target.dataset}`);
    return dataset;
  };
  const joinerOf = (target: Target): Joiner => {
    const joiner = joiners.get(target.dataset);
    if (joiner === undefined) throw new TransientError(`this worker has no dataset ${target.dataset}`);
    return joiner;
  };
  return {
    name: "joiner",

    async readInput(target) {
      const manifest = await upstreamOf(deps, target);
      if (manifest === undefined) return { kind: "gone" };
      return {
        kind: "present",
        identity: { identity: commitOf(manifest) },
        value: { manifest, [Symbol.asyncDispose]: async () => {} },
      };
    },

    async identityNow(target) {
      const manifest = await upstreamOf(deps, target);
      return manifest === undefined ? "gone" : commitOf(manifest);
    },

    async fingerprint(target) {
      const dataset = datasetOf(target);
      const references = deps.references.fingerprintFor(dataset.definition);
      return {
        text: `joiner=${joinerRevision} dataset=${dataset.fingerprint} references=${references} engine=${deps.engines.version}`,
        rulePack: null,
      };
    },

    async work(target, input, attempt) {
      const upstream = input.value.manifest;
      const clean = upstream.outputs.find((part) => part.role === "clean");
      const file = join(attempt.scratch, "clean.parquet");
      if (clean !== undefined && !(await download(deps, clean.key, file, attempt))) return { kind: "moved" };
      const kept = upstream.counts?.kept ?? 0;
      const job = { sourceId: target.sourceId, file, kept, attempt };
      const joined = clean === undefined ? nothingJoined : await joinerOf(target)(job);
      if (joined.partitions > mostPartitions) return tooManyPartitions(joined.partitions);
      return wantedOf(target, attempt, { upstream, joined, dataset: datasetOf(target) });
    },

    async announce(target, _manifest, partitions) {
      for (const named of messagesOf(partitions)) {
        const changed: PartitionsChanged = {
          contract: "partitions-changed/1",
          source: target.source,
          dataset: target.dataset,
          partitions: [...named],
          correlationId: target.correlationId,
        };
        await deps.clients.sqs.send(
          new SendMessageCommand({ QueueUrl: deps.upstream.nextQueueUrl, MessageBody: JSON.stringify(changed) }),
        );
      }
    },
  };
}

type Joiner = (job: JoinJob) => Promise<Joined>;

/** Small parts several at once, large ones one after another: each of these takes all of the engine's threads. */
function createJoiner({ engines, references }: JoinStageDeps, dataset: LoadedDataset): Joiner {
  const runIn =
    (duckdb: DuckDb) =>
    async (jobs: readonly JoinJob[]): Promise<readonly Joined[]> =>
      joinParts({ duckdb, references, dataset, mostPartitions }, jobs);
  const small = createBatches(smallAtOnce, runIn(engines.small));
  const large = createBatches(1, runIn(engines.large));
  return async (job) => (job.kept <= smallRows ? small : large).add(job);
}

const nothingJoined: Joined = { parts: [], partitions: 0, flags: {}, rows: 0 };

/** The cleaner's manifest where it has rows or could have; a source that never was good counts as gone. */
async function upstreamOf(deps: JoinStageDeps, target: Target): Promise<Manifest | undefined> {
  const stored = await deps.upstream.manifests.read("cleaner", target);
  return stored?.manifest.counts === null ? undefined : stored?.manifest;
}

/** False where the part is gone: the cleaner has committed something newer. */
async function download(deps: JoinStageDeps, key: string, file: string, attempt: Attempt): Promise<boolean> {
  try {
    const got = await deps.clients.s3.send(new GetObjectCommand({ Bucket: deps.upstream.silverBucket, Key: key }), {
      abortSignal: attempt.signal,
    });
    await saveBody(got, file, { where: key, signal: attempt.signal });
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === "NoSuchKey") return false;
    throw error;
  }
}

function wantedOf(
  target: Target,
  attempt: Attempt,
  made: { readonly upstream: Manifest; readonly joined: Joined; readonly dataset: LoadedDataset },
): Wanted {
  const name = { sourceId: target.sourceId, generation: attempt.generation, attempt: attempt.id };
  const table = made.dataset.definition.table.name;
  const files = made.joined.parts.map(({ file, partition, rows, bytes }) => ({
    file,
    part: {
      bucket: "gold" as const,
      key: goldPartKey(target.dataset, table, partition, name),
      rows,
      bytes,
      role: "gold" as const,
      partition,
    },
  }));
  const counts = {
    read: made.joined.rows,
    kept: made.joined.rows,
    quarantined: 0,
    reasons: {},
    flags: made.joined.flags,
  };
  return {
    kind: "outputs",
    files,
    counts,
    format: made.upstream.format,
    referenceTime: made.upstream.referenceTime,
    timings: {},
  };
}
