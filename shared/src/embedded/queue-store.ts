/**
 * Queues and messages as rows. A message is waiting (visible_at has come), delayed (visible_at lies ahead, never handed out) or
 * in flight (visible_at lies ahead, handed out); it leaves by delete, purge, age, or into a dead-letter queue.
 */
import type { DatabaseSync } from "node:sqlite";
import { queueAttributesOf } from "./queue-attributes.ts";
import type { QueueAttributes } from "./queue-attributes.ts";
import { remembering } from "./remembering.ts";
import { integerOf, optionalIntegerOf, optionalTextOf, textOf } from "./rows.ts";
import type { Row } from "./rows.ts";

/** One queue; times in Unix milliseconds. */
export interface QueueRow {
  readonly id: number;
  readonly name: string;
  readonly attributes: QueueAttributes;
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
}

/** One message as it is stored; `attributes` is the JSON of its message attributes. */
export interface MessageRow {
  readonly id: number;
  readonly messageId: string;
  readonly body: string;
  readonly attributes: string | undefined;
  readonly sentAtMs: number;
  readonly receiveCount: number;
  readonly earlierReceives: number;
  readonly firstReceivedAtMs: number | undefined;
  readonly sourceArn: string | undefined;
}

export interface NewMessage {
  readonly queueId: number;
  readonly messageId: string;
  readonly body: string;
  readonly attributes: string | undefined;
  readonly sentAtMs: number;
  readonly visibleAtMs: number;
}

/** Which message a receipt names. */
export interface MessageRef {
  readonly queueId: number;
  readonly id: number;
  readonly messageId: string;
}

export interface QueueCounts {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
}

export interface QueueStore {
  findQueue(name: string): QueueRow | undefined;
  listQueues(): readonly QueueRow[];
  addQueue(name: string, attributes: QueueAttributes, nowMs: number): void;
  setAttributes(id: number, attributes: QueueAttributes, nowMs: number): void;
  addMessage(message: NewMessage): void;
  hasVisible(queueId: number, nowMs: number): boolean;
  /** Visible messages sent after `oldestMs`, those first that have waited longest. */
  visible(queueId: number, nowMs: number, oldestMs: number, limit: number): readonly MessageRow[];
  handOut(id: number, nowMs: number, visibleAtMs: number): void;
  /** Parks a message: its id, body, attributes and age stay. */
  park(id: number, deadLetterQueueId: number, sourceArn: string, nowMs: number): void;
  remove(ref: MessageRef): void;
  /** "visible": nobody holds the message, nothing was changed. */
  hideUntil(ref: MessageRef, nowMs: number, visibleAtMs: number): "changed" | "visible" | "gone";
  count(queueId: number, nowMs: number, oldestMs: number): QueueCounts;
  /** Drops messages that were sent before `oldestMs`. */
  dropExpired(queueId: number, oldestMs: number): void;
  purge(queueId: number): void;
  /** Whether no unexpired message is in any of these queues, seen at one instant. */
  isEmpty(names: readonly string[], nowMs: number): boolean;
}

export function createQueueStore(db: DatabaseSync): QueueStore {
  return { ...queueRows(db), ...sending(db), ...receiving(db), ...counting(db) };
}

function queueRows(db: DatabaseSync): Pick<QueueStore, "findQueue" | "listQueues" | "addQueue" | "setAttributes"> {
  const find = db.prepare("SELECT * FROM queues WHERE name = ?");
  const list = db.prepare("SELECT * FROM queues ORDER BY name");
  const insert = db.prepare("INSERT INTO queues (name, attributes, created_at, modified_at) VALUES (?, ?, ?, ?)");
  const update = db.prepare("UPDATE queues SET attributes = ?, modified_at = ? WHERE id = ?");
  const attributesOf = remembering(queueAttributesOf);
  const readQueue = (row: Row): QueueRow => ({
    id: integerOf(row, "id"),
    name: textOf(row, "name"),
    attributes: attributesOf(textOf(row, "attributes")),
    createdAtMs: integerOf(row, "created_at"),
    modifiedAtMs: integerOf(row, "modified_at"),
  });
  return {
    findQueue: (name) => {
      const row = find.get(name);
      return row === undefined ? undefined : readQueue(row);
    },
    listQueues: () => list.all().map(readQueue),
    addQueue: (name, attributes, nowMs) => {
      insert.run(name, JSON.stringify(attributes), nowMs, nowMs);
    },
    setAttributes: (id, attributes, nowMs) => {
      update.run(JSON.stringify(attributes), nowMs, id);
    },
  };
}

function sending(db: DatabaseSync): Pick<QueueStore, "addMessage" | "park" | "purge" | "dropExpired"> {
  const insert = db.prepare(
    "INSERT INTO messages (queue_id, message_id, body, attributes, sent_at, visible_at) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const park = db.prepare(
    `UPDATE messages SET queue_id = ?, source_arn = ?, visible_at = ?, handed_out = 0, first_received_at = NULL,
       earlier_receives = earlier_receives + receive_count, receive_count = 0 WHERE id = ?`,
  );
  const purge = db.prepare("DELETE FROM messages WHERE queue_id = ?");
  const drop = db.prepare("DELETE FROM messages WHERE queue_id = ? AND sent_at <= ?");
  return {
    addMessage: (m) => {
      insert.run(m.queueId, m.messageId, m.body, m.attributes ?? null, m.sentAtMs, m.visibleAtMs);
    },
    park: (id, deadLetterQueueId, sourceArn, nowMs) => {
      park.run(deadLetterQueueId, sourceArn, nowMs, id);
    },
    purge: (queueId) => {
      purge.run(queueId);
    },
    dropExpired: (queueId, oldestMs) => {
      drop.run(queueId, oldestMs);
    },
  };
}

function receiving(db: DatabaseSync): Pick<QueueStore, "hasVisible" | "visible" | "handOut" | "remove" | "hideUntil"> {
  const peek = db.prepare("SELECT 1 FROM messages WHERE queue_id = ? AND visible_at <= ? LIMIT 1");
  const select = db.prepare(
    "SELECT * FROM messages WHERE queue_id = ? AND visible_at <= ? AND sent_at > ? ORDER BY visible_at, id LIMIT ?",
  );
  const handOut = db.prepare(
    `UPDATE messages SET visible_at = ?, handed_out = 1, receive_count = receive_count + 1,
       first_received_at = coalesce(first_received_at, ?) WHERE id = ?`,
  );
  const remove = db.prepare("DELETE FROM messages WHERE id = ? AND queue_id = ? AND message_id = ?");
  const look = db.prepare("SELECT visible_at FROM messages WHERE id = ? AND queue_id = ? AND message_id = ?");
  const hide = db.prepare("UPDATE messages SET visible_at = ? WHERE id = ?");
  return {
    hasVisible: (queueId, nowMs) => peek.get(queueId, nowMs) !== undefined,
    visible: (queueId, nowMs, oldestMs, limit) => select.all(queueId, nowMs, oldestMs, limit).map(readMessage),
    handOut: (id, nowMs, visibleAtMs) => {
      handOut.run(visibleAtMs, nowMs, id);
    },
    remove: (ref) => {
      remove.run(ref.id, ref.queueId, ref.messageId);
    },
    hideUntil: (ref, nowMs, visibleAtMs) => {
      const row = look.get(ref.id, ref.queueId, ref.messageId);
      if (row === undefined) return "gone";
      if (integerOf(row, "visible_at") <= nowMs) return "visible";
      hide.run(visibleAtMs, ref.id);
      return "changed";
    },
  };
}

function counting(db: DatabaseSync): Pick<QueueStore, "count" | "isEmpty"> {
  const count = db.prepare(
    `SELECT count(*) FILTER (WHERE visible_at <= :now) AS visible,
       count(*) FILTER (WHERE visible_at > :now AND handed_out = 1) AS in_flight,
       count(*) FILTER (WHERE visible_at > :now AND handed_out = 0) AS delayed
     FROM messages WHERE queue_id = :queue AND sent_at > :oldest`,
  );
  // One statement is one transaction: a message that moves from one of these queues to the next is always seen in one of them.
  const anything = db.prepare(
    `SELECT 1 FROM queues q JOIN messages m ON m.queue_id = q.id
     WHERE q.name IN (SELECT value FROM json_each(?))
       AND m.sent_at > ? - 1000 * CAST(json_extract(q.attributes, '$.MessageRetentionPeriod') AS INTEGER) LIMIT 1`,
  );
  return {
    count: (queueId, nowMs, oldestMs) => {
      const row = count.get({ now: nowMs, queue: queueId, oldest: oldestMs }) ?? {};
      return {
        visible: integerOf(row, "visible"),
        inFlight: integerOf(row, "in_flight"),
        delayed: integerOf(row, "delayed"),
      };
    },
    isEmpty: (names, nowMs) => anything.get(JSON.stringify(names), nowMs) === undefined,
  };
}

function readMessage(row: Row): MessageRow {
  return {
    id: integerOf(row, "id"),
    messageId: textOf(row, "message_id"),
    body: textOf(row, "body"),
    attributes: optionalTextOf(row, "attributes"),
    sentAtMs: integerOf(row, "sent_at"),
    receiveCount: integerOf(row, "receive_count"),
    earlierReceives: integerOf(row, "earlier_receives"),
    firstReceivedAtMs: optionalIntegerOf(row, "first_received_at"),
    sourceArn: optionalTextOf(row, "source_arn"),
  };
}
