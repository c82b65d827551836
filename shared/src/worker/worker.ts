/**
 * Takes messages from one queue and settles what becomes of each: the only place that acknowledges, hands back or parks.
 *
 * States: polling → draining (stop was asked; messages in hand go on) → stopped.
 */
import { ChangeMessageVisibilityCommand } from "@aws-sdk/client-sqs";
import type { Message } from "@aws-sdk/client-sqs";
import { Consumer } from "sqs-consumer";
import type { SQSClient } from "@aws-sdk/client-sqs";
import type { Clock } from "../clock.ts";
import { maxReceiveCount } from "../contracts/topology.ts";
import { TransientError, isTransient, shortened } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Outcome } from "../outcome.ts";
import type { QueueClient } from "../queue-client.ts";
import { aboutMessage } from "./about-message.ts";
import { type FailureDesk, hasRoomToPark } from "./failures.ts";
import type { Failure, Hand, Handle } from "./hand.ts";
import { createLease } from "./lease.ts";
import type { HeldLease } from "./lease.ts";
import { replayIdOf } from "./replay-attributes.ts";
import { retryDelaySeconds } from "./retry-delay.ts";
import { createTally } from "./tally.ts";
import type { Settled, Tally } from "./tally.ts";

export interface WorkerDeps {
  readonly sqs: QueueClient;
  readonly log: Logger;
  readonly clock: Clock;
  readonly failures: FailureDesk;
  readonly handle: Handle;
}

export interface WorkerOptions {
  readonly queueUrl: string;
  /** Messages in hand at once. */
  readonly concurrency: number;
  readonly visibilityTimeoutSeconds: number;
  /** After this long an attempt gives up; well below the grace period for orphans. */
  readonly attemptDeadlineSeconds: number;
  /** How long messages in hand may take after a stop was asked; then they are handed back. */
  readonly drainTimeoutSeconds: number;
  /** The long poll. */
  readonly waitTimeSeconds: number;
}

export interface Worker extends AsyncDisposable {
  readonly tally: Tally;
  isDraining(): boolean;
}

/** Share of the visibility that is kept back for a step under way when the lease runs out. */
const leaseMarginShare = 0.25;
const nextPollMs = 1;
const nextPollAfterErrorMs = 2000;
/** After the drain time, for handing back what is in hand. */
const stopMarginMs = 10_000;

/** Starts polling. Disposing stops: no new message, those in hand are finished or handed back, at the latest after the drain timeout. */
export function startWorker(deps: WorkerDeps, options: WorkerOptions): Worker {
  const tally = createTally(deps.clock);
  const abort = new AbortController();
  const state = { draining: false };
  const consumers = Array.from({ length: options.concurrency }, () =>
    startConsumer(deps, options, { tally, state, stopSignal: abort.signal }),
  );
  const stopNow = (): void => abort.abort(new TransientError("the worker is stopping"));
  return {
    tally,
    isDraining: () => state.draining,
    async [Symbol.asyncDispose](): Promise<void> {
      state.draining = true;
      const stopped = Promise.all(consumers.map(async (consumer) => consumer.stop()));
      const timer = setTimeout(stopNow, options.drainTimeoutSeconds * 1000);
      await stopped;
      clearTimeout(timer);
    },
  };
}

interface Running {
  readonly tally: Tally;
  readonly state: { draining: boolean };
  readonly stopSignal: AbortSignal;
}

function startConsumer(deps: WorkerDeps, options: WorkerOptions, running: Running): { stop(): Promise<void> } {
  let inHand = 0;
  const consumer = Consumer.create({
    // sqs-consumer only ever calls send(); the embedded queues have no more than that.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    sqs: deps.sqs as SQSClient,
    queueUrl: options.queueUrl,
    batchSize: 1,
    visibilityTimeout: options.visibilityTimeoutSeconds,
    waitTimeSeconds: options.waitTimeSeconds,
    pollingWaitTimeMs: nextPollMs,
    authenticationErrorTimeout: 5000,
    messageAttributeNames: ["All"],
    messageSystemAttributeNames: ["All"],
    handleMessage: async (message) => {
      inHand += 1;
      try {
        // Returning the message acknowledges it, returning nothing does not.
        return (await settle(deps, options, running, message)) ? message : undefined;
      } finally {
        inHand -= 1;
      }
    },
  });
  const pause = (ms: number): void => consumer.updateOption("pollingWaitTimeMs", ms);
  consumer.on("error", (err) => {
    if (running.state.draining) return;
    running.tally.queueFailed();
    deps.log.error({ err }, "queue request failed");
    // The library itself asks again at once: a queue that is gone would be asked, and complained of, a hundred times a second.
    pause(nextPollAfterErrorMs);
  });
  const answered = (): void => {
    running.tally.queueAnswered();
    pause(nextPollMs);
  };
  consumer.on("response_processed", answered);
  consumer.on("empty", answered);
  // settle() never throws; these listeners only keep a defect of the library from passing in silence.
  consumer.on("processing_error", (err) => deps.log.error({ err }, "message could not be settled"));
  consumer.on("timeout_error", (err) => deps.log.error({ err }, "message timed out"));
  consumer.start();

  return {
    async stop(): Promise<void> {
      // Aborting would also cancel the delete of a message in hand; not aborting would sit out the long poll.
      consumer.stop({ abort: inHand === 0 });
      // The library's own wait looks once a second.
      const deadlineMs = deps.clock.monotonicMs() + options.drainTimeoutSeconds * 1000 + stopMarginMs;
      while (consumer.status.isPolling && deps.clock.monotonicMs() < deadlineMs) await deps.clock.sleep(5);
    },
  };
}

/** Whether to acknowledge. Everything that the handler throws ends here. */
async function settle(deps: WorkerDeps, options: WorkerOptions, running: Running, message: Message): Promise<boolean> {
  const startedMs = deps.clock.monotonicMs();
  const receiveCount = Number(message.Attributes?.ApproximateReceiveCount ?? "1");
  const log = deps.log.child({ messageId: message.MessageId, receiveCount });
  const lease = createLease(deps.clock, {
    receivedAtMs: startedMs,
    visibilityMs: options.visibilityTimeoutSeconds * 1000,
    marginMs: options.visibilityTimeoutSeconds * 1000 * leaseMarginShare,
    deadlineMs: options.attemptDeadlineSeconds * 1000,
  });
  using heart = startHeartbeat(deps, options, { lease, message, log });
  const signal = AbortSignal.any([running.stopSignal, heart.signal]);
  const hand: Hand = { lease, signal, log, ...replayOf(message), ...deps.failures.about(message, receiveCount) };
  const about = aboutMessage(message);
  const isStopping = (): boolean => running.stopSignal.aborted;
  const durationMs = (): number => Math.round(deps.clock.monotonicMs() - startedMs);
  running.tally.taken(message.MessageId ?? "", about);
  if (!hasRoomToPark(message)) {
    const result = { ...about, outcome: "rejected", ...tooLarge, durationMs: durationMs() };
    await refuse(deps, options, running, { hand, message, receiveCount, result });
    return false;
  }
  try {
    const outcome = await deps.handle(message, hand);
    if (outcome.kind === "rejected" && !outcome.parked) await park(hand, outcome);
    lease.check();
    const result = { ...about, ...summarise(outcome), durationMs: durationMs() };
    log[outcome.kind === "rejected" ? "warn" : "info"](result, "message settled");
    running.tally.settled(message.MessageId ?? "", result);
    return true;
  } catch (error) {
    const failure = failureOf(error);
    const result = { ...about, outcome: "failed", reason: failure.reason, durationMs: durationMs() };
    log[failure.reason === "transient" ? "warn" : "error"]({ ...result, err: error }, "message failed");
    running.tally.settled(message.MessageId ?? "", { ...result, error: failure.detail });
    const delaySeconds = retryDelaySeconds(receiveCount, deps.clock.random());
    await handBack(deps, options, { hand, message, receiveCount, failure, delaySeconds, stopping: isStopping() });
    return false;
  }
}

/** Nothing of ours comes near it. */
const tooLarge = {
  reason: "unreadable-message",
  detail: "it is so large that SQS would not take it with a reason to the dead-letter queue, and was not looked at",
};

/** Leaves to SQS what is too large to be parked, before anything is done for it: a stage that parks it at its end would fail, each time. */
async function refuse(
  deps: WorkerDeps,
  options: WorkerOptions,
  { tally, stopSignal }: Running,
  held: { readonly hand: Hand; readonly message: Message; readonly receiveCount: number; readonly result: Settled },
): Promise<void> {
  const { result, ...back } = held;
  back.hand.log.warn(result, "message too large to be parked with its reason");
  tally.settled(back.message.MessageId ?? "", result);
  // Waiting helps nothing, unless the queue is one that parks later than ours, or never.
  const isLeft = back.receiveCount > maxReceiveCount;
  const delaySeconds = isLeft ? retryDelaySeconds(back.receiveCount, deps.clock.random()) : 0;
  await handBack(deps, options, { ...back, failure: tooLarge, delaySeconds, stopping: stopSignal.aborted });
}

async function park(hand: Hand, { reason, detail }: Extract<Outcome, { kind: "rejected" }>): Promise<void> {
  await hand.park(reason, await hand.recordFailure({ reason, detail }));
}

function replayOf(message: Message): Pick<Hand, "replayId"> {
  const replayId = replayIdOf(message);
  return replayId === undefined ? {} : { replayId };
}

/** Leaves the message on the queue: at once when the worker stops, else hidden for a while. The last receive leaves a failure record. */
async function handBack(
  deps: WorkerDeps,
  options: WorkerOptions,
  back: {
    readonly hand: Hand;
    readonly message: Message;
    readonly receiveCount: number;
    readonly failure: Failure;
    readonly delaySeconds: number;
    readonly stopping: boolean;
  },
): Promise<void> {
  try {
    if (back.receiveCount >= maxReceiveCount && !back.stopping) {
      await back.hand.recordFailure({ ...back.failure, parkedBy: "queue" });
    }
    // A receipt whose lease is over must not be used: the message may be with another worker.
    if (back.hand.lease.isOver()) return;
    await deps.sqs.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: options.queueUrl,
        ReceiptHandle: back.message.ReceiptHandle,
        VisibilityTimeout: back.stopping ? 0 : back.delaySeconds,
      }),
    );
  } catch (error) {
    // Then the message returns when its visibility runs out.
    back.hand.log.warn({ err: error }, "message could not be handed back early");
  }
}

/** How often a lease is looked at, as a share of the visibility: well within the margin, so that what is under way ends in time. */
const leaseWatchShare = 1 / 12;

/** A heartbeat that is not answered for so long, as a share of the visibility, is given up, so that the next one can still save the lease. */
const heartbeatPatienceShare = 1 / 6;

/** Extends the visibility each third of it. Aborts its signal when the lease is over. */
function startHeartbeat(
  deps: WorkerDeps,
  options: WorkerOptions,
  held: { readonly lease: HeldLease; readonly message: Message; readonly log: Logger },
): Disposable & { readonly signal: AbortSignal } {
  const abort = new AbortController();
  const visibilityMs = options.visibilityTimeoutSeconds * 1000;
  let beating = false;
  const beat = async (): Promise<void> => {
    if (beating || held.lease.isOver()) return;
    beating = true;
    const askedAtMs = deps.clock.monotonicMs();
    try {
      await deps.sqs.send(
        new ChangeMessageVisibilityCommand({
          QueueUrl: options.queueUrl,
          ReceiptHandle: held.message.ReceiptHandle,
          VisibilityTimeout: options.visibilityTimeoutSeconds,
        }),
        { abortSignal: AbortSignal.timeout(Math.ceil(visibilityMs * heartbeatPatienceShare)) },
      );
      held.lease.renewed(askedAtMs);
    } catch (error) {
      held.log.warn({ err: error }, "visibility could not be extended");
    } finally {
      beating = false;
    }
  };
  const watch = (): void => {
    if (held.lease.isOver()) abort.abort(new TransientError("the lease on the message is over"));
  };
  const timers = [setInterval(() => void beat(), visibilityMs / 3), setInterval(watch, visibilityMs * leaseWatchShare)];
  return { signal: abort.signal, [Symbol.dispose]: () => timers.forEach((timer) => clearInterval(timer)) };
}

function summarise(outcome: Outcome): Readonly<Record<string, number | string | boolean | undefined>> {
  if (outcome.kind === "done") return { outcome: outcome.kind, ...outcome.facts };
  const detail = outcome.kind === "rejected" ? { detail: outcome.detail } : {};
  return { outcome: outcome.kind, reason: outcome.reason, ...detail, ...outcome.facts };
}

function failureOf(error: unknown): Failure {
  const reason = isTransient(error) ? "transient" : "unexpected";
  return { reason, detail: shortened(error instanceof Error ? error.message : String(error)), error };
}
