/** What the queue operations work on. */
import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../clock.ts";
import { queueDoesNotExist, queueNameOfUrl } from "./queue-attributes.ts";
import type { QueueRow, QueueStore } from "./queue-store.ts";
import type { Waiting } from "./waiting.ts";

export interface QueueContext {
  readonly db: DatabaseSync;
  readonly store: QueueStore;
  readonly clock: Clock;
  readonly waiting: Waiting;
}

/** The queue of a URL. Throws `QueueDoesNotExist`. */
export function findQueue({ store }: Pick<QueueContext, "store">, url: string | undefined): QueueRow {
  const queue = store.findQueue(queueNameOfUrl(url));
  if (queue === undefined) throw queueDoesNotExist();
  return queue;
}
