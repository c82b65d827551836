/** What became of replayed messages: by the failure records that name the replay, the manifests, and queues that are empty. */
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import type { Manifest } from "@airlake/shared/contracts/manifest";
import { retentionSeconds } from "@airlake/shared/contracts/topology";
import { httpStatusOf } from "@airlake/shared/errors";
import { replayIdIn } from "@airlake/shared/worker/replay-attributes";

import { mapBounded } from "../bounded.ts";
import { placeOf, readEntries } from "../ledger.ts";
import type { OpenedLake } from "../opened-lake.ts";
import { depthOf } from "../pipeline.ts";
import { type FailureReader, type StoredFailure, createFailureReader } from "./failure-ledger.ts";
import { type Service, boxesOf } from "./stages.ts";

/** A message that a replay has sent. */
export interface SentMessage {
  readonly id: string;
  readonly stage: Service;
  readonly keys: readonly string[];
  readonly sentAs: string;
  /** ISO 8601. */
  readonly at: string;
}

/** `pending`: it waits, is in hand, or failed and is to be tried again. */
export type Fate =
  | { readonly kind: "succeeded" | "pending" }
  | { readonly kind: "failed-again"; readonly reason: string; readonly detail: string; readonly failureId: string };

export interface Fates {
  /** Asks again about those that were pending. */
  look(sent: readonly SentMessage[]): Promise<ReadonlyMap<string, Fate>>;
}

/** How long the count of a queue in AWS may not know of a message that was sent. */
const settlesMs = 60_000;

export function createFates(opened: OpenedLake, replay: { readonly id: string; readonly at: string }): Fates {
  const reader = createFailureReader(placeOf(opened), () => opened.clock.now());
  const known = new Map<string, Fate>();
  return {
    async look(sent) {
      // Before the ledger is read: what was not in a queue then, has left its trace by now.
      const empty = await emptyStages(opened);
      const failures = await failuresOf(reader, replay);
      const open = sent.filter((one) => (known.get(one.id)?.kind ?? "pending") === "pending");
      await mapBounded(
        open,
        16,
        async (one) => void known.set(one.id, failedAgain(one, failures) ?? (await otherwise(opened, one, empty))),
      );
      return new Map(sent.map(({ id }) => [id, known.get(id) ?? { kind: "pending" }]));
    },
  };
}

/** How many ended how. */
export function fateCounts(fates: Iterable<Fate>): Readonly<Record<Fate["kind"], number>> {
  const counts = { succeeded: 0, "failed-again": 0, pending: 0 };
  for (const { kind } of fates) counts[kind] += 1;
  return counts;
}

async function emptyStages(opened: OpenedLake): Promise<ReadonlySet<Service>> {
  const boxes = await mapBounded(boxesOf(opened, "queued"), 4, async ({ stage, url }) => {
    const { waiting, inHand } = await depthOf(opened, url);
    return { stage, empty: waiting + inHand === 0 };
  });
  return new Set(boxes.filter(({ empty }) => empty).map(({ stage }) => stage));
}

async function failuresOf(
  reader: FailureReader,
  replay: { readonly id: string; readonly at: string },
): Promise<readonly StoredFailure[]> {
  const all = await reader.since(new Date(replay.at));
  return all.filter(({ record }) => replayIdIn(record.attributes) === replay.id);
}

/** An event about several sources became a message each, whose stories are named after it. */
function failedAgain(sent: SentMessage, failures: readonly StoredFailure[]): Fate | undefined {
  const failure = failures.findLast(
    ({ record }) =>
      record.messageId === sent.sentAs ||
      (record.service === sent.stage && record.correlationId?.startsWith(`${sent.sentAs}.`) === true),
  );
  if (failure === undefined) return undefined;
  const { reason, detail } = failure.record;
  return { kind: "failed-again", reason, detail, failureId: failure.id };
}

async function otherwise(opened: OpenedLake, sent: SentMessage, empty: ReadonlySet<Service>): Promise<Fate> {
  const ageMs = opened.clock.now().getTime() - Date.parse(sent.at);
  const counts = opened.lake !== undefined || ageMs > settlesMs;
  // Nothing waits in a queue for longer than this.
  const isOver = ageMs > retentionSeconds * 1000;
  if (isOver || (counts && empty.has(sent.stage))) return { kind: "succeeded" };
  return { kind: (await hasTrace(opened, sent)) ? "succeeded" : "pending" };
}

/** The stage has committed something good about the one source since. */
async function hasTrace(opened: OpenedLake, { stage, keys, at }: SentMessage): Promise<boolean> {
  const [key] = keys;
  if (key === undefined || keys.length > 1 || stage === "catalog-sync") return false;
  if (stage === "ingestor") return isWrittenSince(opened, key, at);
  const entries = await readEntries(placeOf(opened), opened.topology.buckets.raw, [key]);
  const entry = entries.get(key);
  return isCommittedSince(stage === "cleaner" ? entry?.cleaner : entry?.joiner, at);
}

function isCommittedSince(manifest: Manifest | undefined, at: string): boolean {
  const good = manifest?.state === "current" || manifest?.state === "retracted";
  return good && (manifest?.committedAt ?? "") >= at;
}

async function isWrittenSince(opened: OpenedLake, key: string, at: string): Promise<boolean> {
  try {
    const head = await opened.s3.send(new HeadObjectCommand({ Bucket: opened.topology.buckets.raw, Key: key }));
    // S3 tells whole seconds: what was written in the same second is asked about again.
    return (head.LastModified?.toISOString() ?? "") > at;
  } catch (error) {
    if (httpStatusOf(error) === 404) return false;
    throw error;
  }
}
