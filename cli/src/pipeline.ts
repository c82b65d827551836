/** Runs the services until nothing is left to do, shows how far they are, and stops cleanly when the person wishes. */
import { GetQueueAttributesCommand, type QueueAttributeName, SendMessageBatchCommand } from "@aws-sdk/client-sqs";
import type { SourceChanged } from "@airlake/shared/contracts/messages";
import type { QueueRole } from "@airlake/shared/contracts/topology";

import { type CommandError, diskCodeInText, diskFaultOfCode } from "./command-error.ts";
import { type OpenedLake, visibilitySeconds } from "./embedded.ts";
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
  readonly opened: OpenedLake;
  readonly watch: Watch;
  readonly signal: AbortSignal;
  readonly roles: readonly QueueRole[];
  /** Whether the ledger says that all that was asked for is done. */
  readonly isDone: () => Promise<boolean>;
}

const pollMs = 25;
/** Receives of one message before a person is not kept waiting for it any longer; it comes back after 2, 4, 8 s. */
const patience = 4;
/** So long nothing may move here before messages that others hold (or held, when they were killed) are looked past. */
const stillMs = 1000;
/** A message whose holder was killed is back by then. */
const heldAtMostMs = (visibilitySeconds + 5) * 1000;

/** Waits until the queues are at rest. Throws CommandError when the disk is full or read-only. */
export async function untilQuiet(deps: RestDeps, onTick: () => Promise<void>): Promise<Rest> {
  const { opened, watch, signal, roles } = deps;
  let stillSinceMs = Infinity;
  for (;;) {
    if (signal.aborted) return { kind: "interrupted" };
    if (opened.isQuiet(roles)) return { kind: "quiet" };
    const failed = watch.failed();
    const fault = diskFaultOf(failed, opened.lake.shown);
    if (fault !== undefined) throw fault;
    const isStill =
      watch.inHand() === 0 && failed.every(({ receives }) => receives >= patience) && (await waiting(deps)) === 0;
    const nowMs = opened.clock.monotonicMs();
    stillSinceMs = isStill ? Math.min(stillSinceMs, nowMs) : Infinity;
    const rest = nowMs - stillSinceMs < stillMs ? undefined : await restOf(deps, nowMs - stillSinceMs);
    if (rest !== undefined) return rest;
    await onTick();
    await opened.clock.sleep(pollMs);
  }
}

/** Nothing moves here, but messages are left: mine that fail, or others'. */
async function restOf(deps: RestDeps, stillForMs: number): Promise<Rest | undefined> {
  const failed = deps.watch.failed();
  const depths = await depthsOf(deps);
  const left = depths.reduce((sum, { inHand }) => sum + inHand, 0);
  if (failed.length > 0 && left <= failed.length) return { kind: "gave-up", failed };
  if (failed.length === 0 && (await deps.isDone())) return { kind: "quiet" };
  return stillForMs > heldAtMostMs ? { kind: "gave-up", failed } : undefined;
}

async function waiting(deps: RestDeps): Promise<number> {
  return (await depthsOf(deps)).reduce((sum, depth) => sum + depth.waiting, 0);
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
