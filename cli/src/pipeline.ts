/** Runs the services until nothing is left to do, shows how far they are, and stops cleanly when the person wishes. */
import { GetQueueAttributesCommand, type QueueAttributeName, SendMessageBatchCommand } from "@aws-sdk/client-sqs";
import type { SourceChanged } from "@airlake/shared/contracts/messages";
import type { QueueRole } from "@airlake/shared/contracts/topology";

import { type CommandError, diskCodeInText, diskFaultOfCode } from "./command-error.ts";
import type { OpenedLake } from "./embedded.ts";
import type { FailedMessage, Watch } from "./watch.ts";

/** Messages of one queue. */
export interface Depth {
  readonly waiting: number;
  /** In hand, here or in another process, or coming back later. */
  readonly inHand: number;
}

export type Rest =
  /** Everything is done. */
  | { readonly kind: "quiet" }
  /** What is left has failed several times: it stays on its queue for the next run. */
  | { readonly kind: "gave-up"; readonly failed: readonly FailedMessage[] }
  | { readonly kind: "interrupted" };

const pollMs = 25;
/** Attempts of one message before a person is not kept waiting for it any longer; it comes back after 2, 4, 8 s. */
const patience = 4;

/** Waits until the queues of these roles are at rest. Throws CommandError when the disk is full or read-only. */
export async function untilQuiet(
  deps: { readonly opened: OpenedLake; readonly watch: Watch; readonly signal: AbortSignal },
  roles: readonly QueueRole[],
  onTick: () => Promise<void>,
): Promise<Rest> {
  const { opened, watch, signal } = deps;
  for (;;) {
    if (signal.aborted) return { kind: "interrupted" };
    if (opened.isQuiet(roles)) return { kind: "quiet" };
    const failed = watch.failed();
    const fault = diskFaultOf(failed);
    if (fault !== undefined) throw fault;
    const lasting = failed.filter((message) => message.attempts >= patience);
    if (lasting.length > 0 && (await isAllThatIsLeft(opened, roles, lasting.length)))
      return { kind: "gave-up", failed: lasting };
    await onTick();
    await opened.clock.sleep(pollMs);
  }
}

/** A full disk does not mend itself while a person waits. */
function diskFaultOf(failed: readonly FailedMessage[]): CommandError | undefined {
  for (const { error, code } of failed) {
    const found = diskCodeInText(`${code ?? ""} ${error}`);
    if (found !== undefined) return diskFaultOfCode(found);
  }
  return undefined;
}

async function isAllThatIsLeft(opened: OpenedLake, roles: readonly QueueRole[], lasting: number): Promise<boolean> {
  const depths = await Promise.all(roles.map(async (role) => depthOf(opened, opened.queues[role].url)));
  return depths.every(({ waiting }) => waiting === 0) && depths.reduce((sum, { inHand }) => sum + inHand, 0) <= lasting;
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
