/**
 * Holds the messages of one queue for a while, so that each is seen once: received with a visibility of so many seconds, released as
 * soon as it is known that it is not wanted. Should the command be killed, they come back by themselves when that time is over.
 *
 * A receipt is used within its own time only: after it the message may be with somebody else, and SQS would take the old receipt.
 */
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
} from "@aws-sdk/client-sqs";
import type { Clock } from "@airlake/shared/clock";
import type { QueueClient } from "@airlake/shared/queue-client";

export interface Hold {
  readonly holdSeconds: number;
  /** Every message that was seen, in the order of arrival; also those that are held no longer. */
  readonly messages: readonly Message[];
  /** False where the look ended before the queue was empty: its time was over, or the person wished to stop. */
  readonly complete: boolean;
  /** Whether a message is ours for some seconds more. */
  isHeld(messageId: string): boolean;
  /** Extends what is held and more than a third used up. */
  renew(): Promise<void>;
  /** Makes messages visible again at once; all that are held unless given. */
  release(messageIds?: Iterable<string>): Promise<void>;
  /** Deletes messages. Gives those that were not: no longer held, or refused. */
  remove(messageIds: readonly string[]): Promise<ReadonlySet<string>>;
}

export interface HoldOptions {
  readonly url: string;
  readonly holdSeconds: number;
  /** How long an empty queue is asked: SQS asks all of its servers only when it waits. */
  readonly waitSeconds: number;
  readonly signal: AbortSignal;
}

interface HeldMessage {
  readonly receipt: string;
  readonly untilMs: number;
}

const batchSize = 10;
/** Kept back from the end of a hold, for a request on its way. */
const marginMs = 5000;
/** The look itself may take so much of the hold's time. */
const lookShare = 0.7;

/** So long for a queue of so many messages: several times what receiving them takes. */
export function holdSecondsFor(depth: number): number {
  return Math.min(43_200, 30 + Math.ceil(depth / 20));
}

/** Receives all that is visible. Throws what the queue throws, after releasing what it had. */
export async function holdAll(
  deps: { readonly sqs: QueueClient; readonly clock: Clock },
  options: HoldOptions,
): Promise<Hold> {
  const held = new Map<string, HeldMessage>();
  const messages = new Map<string, Message>();
  const hold = holdOf(deps, options, { held, messages });
  const endMs = deps.clock.monotonicMs() + options.holdSeconds * 1000 * lookShare;
  try {
    for (;;) {
      if (options.signal.aborted || deps.clock.monotonicMs() > endMs) return { ...hold, complete: false };
      const askedMs = deps.clock.monotonicMs();
      const received = await receive(deps.sqs, options);
      if (received.length === 0) return hold;
      for (const message of received) take({ held, messages }, message, askedMs + options.holdSeconds * 1000);
    }
  } catch (error) {
    await hold.release();
    throw error;
  }
}

type Taken = { readonly held: Map<string, HeldMessage>; readonly messages: Map<string, Message> };

function take({ held, messages }: Taken, message: Message, untilMs: number): void {
  const { MessageId: id, ReceiptHandle: receipt } = message;
  if (id === undefined || receipt === undefined) return;
  messages.set(id, message);
  held.set(id, { receipt, untilMs });
}

async function receive(sqs: QueueClient, options: HoldOptions): Promise<readonly Message[]> {
  const { Messages: received = [] } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: options.url,
      MaxNumberOfMessages: batchSize,
      VisibilityTimeout: options.holdSeconds,
      WaitTimeSeconds: options.waitSeconds,
      MessageAttributeNames: ["All"],
      MessageSystemAttributeNames: ["All"],
    }),
  );
  return received;
}

function holdOf(
  { sqs, clock }: { readonly sqs: QueueClient; readonly clock: Clock },
  { url, holdSeconds }: HoldOptions,
  { held, messages }: Taken,
): Hold {
  const isHeld = (id: string): boolean => (held.get(id)?.untilMs ?? 0) - marginMs > clock.monotonicMs();
  const show = async (ids: readonly string[], seconds: number): Promise<ReadonlySet<string>> =>
    inBatches(ids, held, async (Entries) =>
      sqs.send(
        new ChangeMessageVisibilityBatchCommand({
          QueueUrl: url,
          Entries: Entries.map((entry) => ({ ...entry, VisibilityTimeout: seconds })),
        }),
      ),
    );
  return {
    holdSeconds,
    get messages() {
      return [...messages.values()];
    },
    complete: true,
    isHeld,
    async renew() {
      const nowMs = clock.monotonicMs();
      const due = [...held.keys()].filter(
        (id) => isHeld(id) && (held.get(id)?.untilMs ?? 0) - nowMs < (holdSeconds * 1000 * 2) / 3,
      );
      const refused = await show(due, holdSeconds);
      for (const id of due) {
        const receipt = held.get(id)?.receipt;
        if (receipt === undefined || refused.has(id)) held.delete(id);
        else held.set(id, { receipt, untilMs: nowMs + holdSeconds * 1000 });
      }
    },
    async release(ids = held.keys()) {
      const due = [...ids].filter(isHeld);
      await show(due, 0);
      for (const id of due) held.delete(id);
    },
    async remove(ids) {
      const lost = ids.filter((id) => !isHeld(id));
      const due = ids.filter(isHeld);
      const refused = await inBatches(due, held, async (Entries) =>
        sqs.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries })),
      );
      for (const id of due) held.delete(id);
      return new Set([...lost, ...refused]);
    },
  };
}

type Entry = { Id: string; ReceiptHandle: string };

/** Gives the ids of the entries that were refused. */
async function inBatches(
  ids: readonly string[],
  held: ReadonlyMap<string, HeldMessage>,
  send: (entries: Entry[]) => Promise<{ readonly Failed?: readonly { readonly Id: string | undefined }[] | undefined }>,
): Promise<ReadonlySet<string>> {
  const refused = new Set<string>();
  for (let at = 0; at < ids.length; at += batchSize) {
    const batch = ids.slice(at, at + batchSize);
    const entries = batch.flatMap((id, index) => {
      const receipt = held.get(id)?.receipt;
      return receipt === undefined ? [] : [{ Id: String(index), ReceiptHandle: receipt }];
    });
    const { Failed: failed = [] } = await send(entries);
    for (const { Id } of failed) refused.add(batch[Number(Id)] ?? "");
  }
  return refused;
}
