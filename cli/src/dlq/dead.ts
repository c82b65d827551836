/** Dead messages as an operator sees them: failure records and messages brought together. */
import type { Message } from "@aws-sdk/client-sqs";
import { deadLetterRetentionSeconds } from "@airlake/shared/contracts/topology";
import { aboutMessage } from "@airlake/shared/worker/about-message";

import { keysOf } from "../watch.ts";
import type { StoredFailure } from "./failure-ledger.ts";
import { type Box, type Service, isService } from "./stages.ts";

/** Parked, and nobody wrote why: its process died each time. */
export const crashed = "crashed";
/** The reason of what is not dead but waits in its queue. */
const waiting = "queued";

export interface Dead {
  /** The failure record's, or the message's where there is none. */
  readonly id: string;
  readonly stage: Service;
  readonly reason: string;
  /** ISO 8601: when its failure was recorded, or when the message was sent where it was not. */
  readonly at: string;
  /** When SQS drops it. */
  readonly dropsAt: string;
  /** The sources that it is about. */
  readonly keys: readonly string[];
  readonly failure: StoredFailure | undefined;
  /** The message, where the queue was looked through. */
  readonly message: Message | undefined;
  readonly box: Box | undefined;
}

/** What the records alone say: messages that are in a dead-letter queue, if nobody took them out unseen. */
export function deadByRecords(failures: readonly StoredFailure[], now: Date): readonly Dead[] {
  return openOf(failures)
    .flatMap((failure) => deadOf(failure) ?? [])
    .filter(({ dropsAt }) => dropsAt > now.toISOString());
}

/** Records whose message is gone: settled by an action, found gone by a look, or dropped by SQS in the meantime. */
export function settledCounts(failures: readonly StoredFailure[], now: Date): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  const count = (how: string): void => void (counts[how] = (counts[how] ?? 0) + 1);
  for (const { record } of failures) if (record.settled !== undefined) count(record.settled.how);
  for (const failure of openOf(failures)) if ((deadOf(failure)?.dropsAt ?? "") <= now.toISOString()) count("dropped");
  return counts;
}

/** An attempt that begins again leaves another record about the same message: the last one counts, and one that is settled is enough. */
function openOf(failures: readonly StoredFailure[]): readonly StoredFailure[] {
  const ofMessage = Map.groupBy(failures, ({ record }) => `${record.service} ${record.messageId}`);
  return [...ofMessage.values()].flatMap((records) =>
    records.some(({ record }) => record.settled !== undefined) ? [] : records.slice(-1),
  );
}

function deadOf(failure: StoredFailure): Dead | undefined {
  const { record, id } = failure;
  const { service: stage, reason, at } = record;
  if (!isService(stage)) return undefined;
  // What a worker parks is a new message; what SQS moves keeps its age.
  const sentAt = record.parkedBy === "queue" ? (record.sentAt ?? at) : at;
  const keys = record.source === undefined ? keysOf({ Body: record.body }) : [record.source.key];
  const dropsAt = later(sentAt, deadLetterRetentionSeconds);
  return { id, stage, reason, at, dropsAt, keys, failure, message: undefined, box: undefined };
}

/** The messages of a box, each with its record where there is one; and the records whose message is not among them. */
export function deadInBox(
  box: Box,
  messages: readonly Message[],
  failures: readonly StoredFailure[],
): { readonly found: readonly Dead[]; readonly unseen: readonly StoredFailure[] } {
  const ofStage = failures.filter(({ record }) => record.service === box.stage);
  const byKey = new Map(ofStage.map((one) => [one.key, one]));
  // The last one of a message wins: records come in the order of time.
  const byMessage = new Map(ofStage.map((one) => [one.record.messageId, one]));
  const seen = new Set<string>();
  const found = messages.map((message) => {
    const named = message.MessageAttributes?.["failureKey"]?.StringValue;
    const failure = named === undefined ? byMessage.get(message.MessageId ?? "") : byKey.get(named);
    if (failure !== undefined) seen.add(failure.record.messageId);
    return deadMessage(box, message, box.kind === "dead" ? failure : undefined);
  });
  const unseen = openOf(ofStage).filter(({ record }) => !seen.has(record.messageId));
  return { found, unseen };
}

function deadMessage(box: Box, message: Message, failure: StoredFailure | undefined): Dead {
  const sentAt = sentAtOf(message);
  const told = failure === undefined ? undefined : deadOf(failure);
  return {
    id: message.MessageId ?? "",
    stage: box.stage,
    reason: reasonWithout(box, message),
    at: sentAt,
    keys: keysOf(message),
    ...told,
    // The message itself knows its age best.
    dropsAt: later(sentAt, box.retentionSeconds),
    failure,
    message,
    box,
  };
}

/** The reason where there is no record. */
function reasonWithout(box: Box, message: Message): string {
  return box.kind === "queued" ? waiting : (message.MessageAttributes?.["reason"]?.StringValue ?? crashed);
}

/** When a message was sent first, ISO 8601. */
function sentAtOf(message: Message): string {
  return new Date(Number(message.Attributes?.SentTimestamp ?? "0")).toISOString();
}

export function correlationIdOf(dead: Dead): string {
  return dead.failure?.record.correlationId ?? aboutMessage(dead.message ?? {}).correlationId;
}

/** The text of the message: the record keeps the beginning of a very long one. */
export function bodyOf(dead: Dead): string {
  return dead.message?.Body ?? dead.failure?.record.body ?? "";
}

function later(at: string, seconds: number): string {
  return new Date(Date.parse(at) + seconds * 1000).toISOString();
}

export interface Group {
  readonly stage: Service;
  readonly reason: string;
  readonly count: number;
  readonly oldest: string;
  readonly newest: string;
  /** When SQS drops the first of them. */
  readonly dropsAt: string;
  /** At most three. */
  readonly sampleKeys: readonly string[];
  readonly sampleIds: readonly string[];
}

const samples = 3;

/** By stage and reason, the largest first. */
export function groupsOf(dead: readonly Dead[]): readonly Group[] {
  const groups = Map.groupBy(dead, ({ stage, reason }) => `${stage} ${reason}`);
  return [...groups.values()].map(groupOf).toSorted((a, b) => b.count - a.count || (a.oldest < b.oldest ? -1 : 1));
}

function groupOf(members: readonly Dead[]): Group {
  const times = members.map(({ at }) => at).toSorted();
  const [first] = members;
  return {
    stage: first?.stage ?? "cleaner",
    reason: first?.reason ?? "",
    count: members.length,
    oldest: times[0] ?? "",
    newest: times.at(-1) ?? "",
    dropsAt: members.map(({ dropsAt }) => dropsAt).toSorted()[0] ?? "",
    sampleKeys: [...new Set(members.flatMap(({ keys }) => keys))].slice(0, samples),
    sampleIds: members.slice(0, samples).map(({ id }) => id),
  };
}
