/** What a worker says of itself: one snapshot for /status, the page and the metrics. */
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import type { Clients } from "../clients.ts";
import type { WorkerSettings } from "./settings.ts";
import type { TallySnapshot } from "./tally.ts";
import type { Worker } from "./worker.ts";

export interface StatusDeps {
  readonly settings: WorkerSettings;
  readonly clients: Clients;
  /** Undefined until it has started. */
  readonly worker: () => Worker | undefined;
  /** What keeps it from some of its work, though it works. */
  readonly warnings: () => readonly string[];
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  /** A sentence for each bucket that is gone, refuses, or has been silent for too long. */
  readonly bucketTroubles: () => readonly string[];
}

export interface Identity {
  readonly name: string;
  readonly version: string;
  readonly startedAt: string;
}

/** Whether it can work: why not, and what goes wrong although it can. */
export interface Readiness {
  readonly state: "ready" | "degraded" | "not ready";
  /** Why it is not ready. */
  readonly reasons: readonly string[];
  /** What fails again and again; the messages stay on the queue. */
  readonly degraded: readonly string[];
}

/** Messages on a queue, as SQS counts them: roughly. */
export interface Depth {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
}

export interface Status extends Identity, Readiness, TallySnapshot {
  readonly draining: boolean;
  readonly settings: Readonly<Record<string, string | number>>;
  /** Null where the queue does not answer. */
  readonly queue: Depth | null;
  readonly deadLetters: Depth | null;
}

/** A queue that has not answered for this long makes the worker not ready. */
const silentTooLongSeconds = 60;
/** So many failures in a row are no bad luck. */
const degradedAfter = 3;
/** A queue that does not answer must not keep the status waiting. */
const patienceMs = 3000;

const nothingYet: TallySnapshot = {
  inHand: 0,
  hands: [],
  outcomes: {},
  lastMinute: 0,
  last: [],
  failuresInARow: 0,
  queueSilentSeconds: 0,
};

/** Everything at once. Asks SQS for two depths; never throws. */
export async function statusOf(deps: StatusDeps, who: Identity): Promise<Status> {
  const { settings } = deps;
  return {
    ...who,
    ...readinessOf(deps),
    draining: deps.worker()?.isDraining() ?? false,
    settings: {
      queue: settings.QUEUE,
      deadLetterQueue: settings.DEAD_LETTER_QUEUE,
      visibilityTimeoutSeconds: settings.VISIBILITY_TIMEOUT_SECONDS,
      waitTimeSeconds: settings.WAIT_TIME_SECONDS,
      attemptDeadlineSeconds: settings.ATTEMPT_DEADLINE_SECONDS,
      drainTimeoutSeconds: settings.DRAIN_TIMEOUT_SECONDS,
    },
    ...(await depthsOf(deps)),
    ...tallyOf(deps),
  };
}

/** Asks SQS how much is on the queue and its dead-letter queue. Never throws. */
export async function depthsOf(deps: StatusDeps): Promise<Pick<Status, "queue" | "deadLetters">> {
  const [queue, deadLetters] = await Promise.all([
    depthOf(deps, deps.queueUrl),
    depthOf(deps, deps.deadLetterQueueUrl),
  ]);
  return { queue, deadLetters };
}

/** What the worker counts; nothing yet before it has started. */
export function tallyOf(deps: Pick<StatusDeps, "worker">): TallySnapshot {
  return deps.worker()?.tally.snapshot() ?? nothingYet;
}

/** Whether it can work, from what was seen of queue and buckets lately; asks nobody. */
export function readinessOf(deps: Pick<StatusDeps, "worker" | "bucketTroubles" | "settings" | "warnings">): Readiness {
  const worker = deps.worker();
  if (worker === undefined) return { state: "not ready", reasons: ["starting"], degraded: [] };
  const { queueSilentSeconds, inHand, failuresInARow, last } = worker.tally.snapshot();
  const reasons = [
    ...(worker.isDraining() ? ["draining"] : []),
    // With a message in hand nothing is asked of the queue by polling.
    ...(inHand === 0 && queueSilentSeconds > silentTooLongSeconds
      ? [`the queue ${deps.settings.QUEUE} has not answered for ${queueSilentSeconds} s`]
      : []),
    ...deps.bucketTroubles(),
  ];
  const newest = last.find(({ outcome }) => outcome === "failed")?.["error"] ?? "unknown error";
  const failing =
    failuresInARow < degradedAfter
      ? []
      : [`the last ${failuresInARow} messages failed and stay on the queue; the newest: ${newest}`];
  const degraded = [...deps.warnings(), ...failing];
  if (reasons.length > 0) return { state: "not ready", reasons, degraded };
  return { state: degraded.length > 0 ? "degraded" : "ready", reasons, degraded };
}

/** Visible, in flight and delayed messages; null where the queue does not answer. */
async function depthOf(deps: StatusDeps, queueUrl: string): Promise<Depth | null> {
  try {
    const { Attributes: found = {} } = await deps.clients.sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: queueUrl,
        AttributeNames: [
          "ApproximateNumberOfMessages",
          "ApproximateNumberOfMessagesNotVisible",
          "ApproximateNumberOfMessagesDelayed",
        ],
      }),
      { abortSignal: AbortSignal.timeout(patienceMs) },
    );
    return {
      visible: Number(found["ApproximateNumberOfMessages"] ?? 0),
      inFlight: Number(found["ApproximateNumberOfMessagesNotVisible"] ?? 0),
      delayed: Number(found["ApproximateNumberOfMessagesDelayed"] ?? 0),
    };
  } catch (error) {
    deps.clients.log.warn({ err: error }, "queue did not answer");
    return null;
  }
}
