/** Runs the services until nothing is left to do, shows how far they are, and stops cleanly when the person wishes. */
import { GetQueueAttributesCommand, type QueueAttributeName, SendMessageBatchCommand } from "@aws-sdk/client-sqs";
import type { SourceChanged } from "@airlake/shared/contracts/messages";
import type { QueueRole } from "@airlake/shared/contracts/topology";

import { type CommandError, diskCodeInText, diskFaultOfCode } from "./command-error.ts";
import type { EmbeddedLake } from "./embedded.ts";
import type { OpenedLake } from "./opened-lake.ts";
import type { FailedMessage, Watch } from "./watch.ts";

/** Messages of one queue. */
export interface Depth {
  readonly waiting: number;
  /** In hand, here or in another process, or coming back later. */
  readonly inHand: number;
}

export type Rest =
  /** Everything that was asked for is done. */
  | { readonly kind: "quiet" }
  /** What is left has failed several times, or is held by nobody known: it stays on its queue for the next run. */
  | { readonly kind: "gave-up"; readonly failed: readonly FailedMessage[] }
  | { readonly kind: "interrupted" };

export interface RestDeps {
  readonly opened: EmbeddedLake;
  readonly watch: Watch;
  readonly signal: AbortSignal;
  readonly roles: readonly QueueRole[];
  /** Whether the ledger says that all that was asked for is done. */
  readonly isDone: () => Promise<boolean>;
}

const pollMs = 25;
/** Receives of one message before a person is not kept waiting for it any longer; it comes back after 2, 4, 8 s. */
const patience = 4;
/** So long nothing may move here before messages that are left are looked at. */
const stillMs = 1000;
/** How often it is asked what others hold. */
const othersMs = 200;
/** Of the time at most a twentieth is spent on asking. */
const askShare = 20;
/** So long nothing may succeed here, while messages fail: two runs on one lake fail them in turn, and see no end of it. */
const vainMs = 60_000;

/** Waits until the queues are at rest. Throws CommandError when the disk is full or read-only. */
export async function untilQuiet(deps: RestDeps, onTick: () => Promise<void>): Promise<Rest> {
  const { opened, watch, signal, roles } = deps;
  const stillSince = since(deps, () => watch.inHand() > 0);
  const settledSince = since(
    deps,
    changes(() => watch.settled()),
  );
  const othersHold = createOthersHold(deps);
  const isDone = askedRarely(deps);
  for (;;) {
    if (signal.aborted) return { kind: "interrupted" };
    if (opened.isQuiet(roles)) return { kind: "quiet" };
    const failed = watch.failed();
    const fault = diskFaultOf(failed, opened.lake.shown);
    if (fault !== undefined) throw fault;
    const vainForMs = settledSince();
    if (stillSince() > stillMs && (await isVain(deps, failed, vainForMs))) return { kind: "gave-up", failed };
    // Others may keep the queues busy for ever. What they hold is waited for only where it matters here.
    if (failed.length === 0 && (await othersHold()) && (await isDone())) return { kind: "quiet" };
    await onTick();
    await opened.clock.sleep(pollMs);
  }
}

/** Nothing is in hand here, and what is left fails here again and again. */
async function isVain(deps: RestDeps, failed: readonly FailedMessage[], vainForMs: number): Promise<boolean> {
  if (failed.length === 0) return false;
  const depths = await depthsOf(deps);
  if (depths.some(({ waiting }) => waiting > 0)) return false;
  const isLasting = failed.every(({ receives }) => receives >= patience);
  return (isLasting && sum(depths) <= failed.length) || vainForMs > vainMs;
}

/** Whether another process has been working on the queues for a while, or was killed while it did. */
function createOthersHold(deps: RestDeps): () => Promise<boolean> {
  const { clock } = deps.opened;
  let lookedAtMs = clock.monotonicMs();
  let aloneAtMs = lookedAtMs;
  return async () => {
    const nowMs = clock.monotonicMs();
    if (nowMs - lookedAtMs < othersMs) return false;
    lookedAtMs = nowMs;
    // For a moment it looks so of one's own messages too, when they are settled and not yet off their queue.
    if (sum(await depthsOf(deps)) <= deps.watch.inHand()) aloneAtMs = nowMs;
    return nowMs - aloneAtMs > stillMs;
  };
}

function sum(depths: readonly Depth[]): number {
  return depths.reduce((total, { inHand }) => total + inHand, 0);
}

/** Asks the ledger whether all is done, but not so often that many sources would hold up the work. */
function askedRarely({ opened: { clock }, isDone }: RestDeps): () => Promise<boolean> {
  let notBeforeMs = clock.monotonicMs() + stillMs;
  return async () => {
    const startMs = clock.monotonicMs();
    if (startMs < notBeforeMs) return false;
    const done = await isDone();
    const endMs = clock.monotonicMs();
    notBeforeMs = endMs + Math.max(stillMs, (endMs - startMs) * askShare);
    return done;
  };
}

/** Milliseconds since `moves` was last true when asked. */
function since({ opened }: RestDeps, moves: () => boolean): () => number {
  let movedAtMs = opened.clock.monotonicMs();
  return () => {
    const nowMs = opened.clock.monotonicMs();
    if (moves()) movedAtMs = nowMs;
    return nowMs - movedAtMs;
  };
}

/** Whether a number is another one than when last asked. */
function changes(count: () => number): () => boolean {
  let before = count();
  return () => {
    const now = count();
    const isOther = now !== before;
    before = now;
    return isOther;
  };
}

async function depthsOf({ opened, roles }: RestDeps): Promise<readonly Depth[]> {
  return Promise.all(roles.map(async (role) => depthOf(opened, opened.queues[role].url)));
}

/** A full disk does not mend itself while a person waits. */
function diskFaultOf(failed: readonly FailedMessage[], folder: string): CommandError | undefined {
  for (const { error, code } of failed) {
    const found = diskCodeInText(`${code ?? ""} ${error}`);
    if (found !== undefined) return diskFaultOfCode(found, folder);
  }
  return undefined;
}

/** How many messages a queue holds. */
export async function depthOf(opened: Pick<OpenedLake, "sqs">, url: string): Promise<Depth> {
  const { Attributes: found = {} } = await opened.sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: url,
      AttributeNames: [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
      ],
    }),
  );
  const count = (name: QueueAttributeName): number => Number(found[name] ?? 0);
  return {
    waiting: count("ApproximateNumberOfMessages"),
    inHand: count("ApproximateNumberOfMessagesNotVisible") + count("ApproximateNumberOfMessagesDelayed"),
  };
}

/** SQS takes ten messages a request. */
const batchSize = 10;

/** Asks the cleaner to look at sources of which no event tells: nothing is done where nothing has changed. */
export async function askToLook(opened: OpenedLake, keys: readonly string[]): Promise<void> {
  for (let at = 0; at < keys.length; at += batchSize) {
    const entries = keys.slice(at, at + batchSize).map((key, index) => {
      const pointer: SourceChanged = {
        contract: "source-changed/1",
        source: { bucket: opened.topology.buckets.raw, key },
        correlationId: opened.clock.newId(),
      };
      return { Id: String(index), MessageBody: JSON.stringify(pointer) };
    });
    const answer = await opened.sqs.send(
      new SendMessageBatchCommand({ QueueUrl: opened.queues.clean.url, Entries: entries }),
    );
    const failed = answer.Failed?.[0];
    if (failed !== undefined)
      throw new Error(`the clean queue did not take a message: ${failed.Message ?? failed.Code ?? "unknown reason"}`);
  }
}
