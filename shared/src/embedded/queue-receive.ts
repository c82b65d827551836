/** Receiving: hands out visible messages, parks what came back too often, and waits for more. */
import type { DatabaseSync } from "node:sqlite";
import type { Message } from "@aws-sdk/client-sqs";
import type { Clock } from "../clock.ts";
import { abortError } from "./client-shape.ts";
import { transact } from "./database.ts";
import { numberOf, queueArnOf, redrivePolicyOf } from "./queue-attributes.ts";
import { receiptOf, toMessage } from "./queue-messages.ts";
import type { WantedNames } from "./queue-messages.ts";
import type { MessageRow, QueueRow, QueueStore } from "./queue-store.ts";
import type { Waiting } from "./waiting.ts";

export interface ReceiveDeps {
  readonly db: DatabaseSync;
  readonly store: QueueStore;
  readonly clock: Clock;
  readonly waiting: Waiting;
}

export interface ReceiveRequest {
  readonly most: number;
  /** Undefined: the queue's own. */
  readonly visibilitySeconds: number | undefined;
  readonly waitSeconds: number;
  readonly wanted: WantedNames;
}

/** Other processes' messages, and those that become visible again, are seen by looking this often. */
const lookAgainMs = 50;
const sweepEveryMs = 60_000;

export type Receive = (
  /** Looks for the queue again: its settings may change while somebody waits. */
  find: () => QueueRow,
  read: (queue: QueueRow) => ReceiveRequest,
  signal: AbortSignal | undefined,
) => Promise<readonly Message[]>;

/** Up to `most` messages, at once when there are any, else when one comes within `waitSeconds`; none after that. */
export function createReceive(deps: ReceiveDeps): Receive {
  const sweep = createSweep(deps);
  const lookOut = createLookout(deps);
  return async (find, read, signal) => {
    const first = find();
    const request = read(first);
    const deadline = performance.now() + request.waitSeconds * 1000;
    for (let queue = first; ; queue = find()) {
      sweep(queue);
      const messages = handOut(deps, queue, request);
      const leftMs = deadline - performance.now();
      // There may be more.
      if (messages.length > 0) deps.waiting.wake([queue.name]);
      if (messages.length > 0 || leftMs <= 0) return messages;
      lookOut(queue.name);
      await deps.waiting.wait(queue.name, leftMs, signal);
      if (signal?.aborted === true || deps.waiting.closed()) throw abortError(signal?.reason);
    }
  };
}

/** Looks for all who wait for a queue: many polls cost no more than one. It ends when nobody waits any more. */
function createLookout({ store, clock, waiting }: ReceiveDeps): (queueName: string) => void {
  const watched = new Set<string>();
  const isWorthALook = (name: string): boolean => {
    try {
      const queue = store.findQueue(name);
      return queue === undefined || store.hasVisible(queue.id, clock.now().getTime());
    } catch {
      // Who looks next is told why.
      return true;
    }
  };
  return (name) => {
    if (watched.has(name)) return;
    watched.add(name);
    const timer = setInterval(() => {
      if (!waiting.isAwaited(name)) {
        clearInterval(timer);
        watched.delete(name);
      } else if (isWorthALook(name)) {
        waiting.wake([name]);
      }
    }, lookAgainMs);
  };
}

function handOut(deps: ReceiveDeps, queue: QueueRow, request: ReceiveRequest): readonly Message[] {
  const { db, store, clock, waiting } = deps;
  // A look without the write lock: an idle poller must not hold up those who write.
  if (!store.hasVisible(queue.id, clock.now().getTime())) return [];
  const parkedIn = new Set<string>();
  const messages = transact(db, () => {
    const nowMs = clock.now().getTime();
    const seconds = request.visibilitySeconds ?? numberOf(queue.attributes, "VisibilityTimeout");
    return takeVisible(deps, queue, { nowMs, most: request.most, parkedIn }).map((row) => {
      store.handOut(row.id, nowMs, nowMs + seconds * 1000);
      const receipt = receiptOf({ queueId: queue.id, id: row.id, messageId: row.messageId }, clock.newId());
      return toMessage(row, receipt, nowMs, request.wanted);
    });
  });
  waiting.wake(parkedIn);
  return messages;
}

interface Taking {
  readonly nowMs: number;
  readonly most: number;
  /** Takes the names of the queues that messages were parked in. */
  readonly parkedIn: Set<string>;
}

/** Visible messages that may still be handed out; those that may not go to the dead-letter queue, their age and attributes kept. */
function takeVisible(deps: ReceiveDeps, queue: QueueRow, { nowMs, most, parkedIn }: Taking): readonly MessageRow[] {
  const { store } = deps;
  const policy = redrivePolicyOf(queue.attributes);
  for (;;) {
    const rows = store.visible(queue.id, nowMs, oldestKeptMs(queue, nowMs), most);
    const spent = policy === undefined ? [] : rows.filter((row) => row.receiveCount >= policy.maxReceiveCount);
    const deadLetters = spent.length === 0 ? undefined : store.findQueue(policy?.deadLetterQueue ?? "");
    if (deadLetters === undefined) return rows;
    for (const row of spent) store.park(row.id, deadLetters.id, queueArnOf(queue.name), nowMs);
    parkedIn.add(deadLetters.name);
  }
}

/** Messages that were sent at or before this time have outlived the queue's retention. Unix milliseconds. */
export function oldestKeptMs(queue: QueueRow, nowMs: number): number {
  return nowMs - numberOf(queue.attributes, "MessageRetentionPeriod") * 1000;
}

/** Expired messages are never handed out; now and then they are also deleted, so that the file does not grow for ever. */
function createSweep({ db, store, clock }: ReceiveDeps): (queue: QueueRow) => void {
  const sweptAt = new Map<number, number>();
  return (queue) => {
    const last = sweptAt.get(queue.id);
    const now = performance.now();
    if (last !== undefined && now - last < sweepEveryMs) return;
    sweptAt.set(queue.id, now);
    transact(db, () => store.dropExpired(queue.id, oldestKeptMs(queue, clock.now().getTime())));
  };
}
