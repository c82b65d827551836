/**
 * Does what was planned, some messages at a time, at a given rate: what is held is renewed, what is done is noted in the audit and in the
 * failure record. Stops between two steps when the person wishes.
 */
import { type MessageAttributeValue, SendMessageBatchCommand } from "@aws-sdk/client-sqs";
import type { Settlement } from "@airlake/shared/contracts/failure";
import { maxMessageBytes } from "@airlake/shared/contracts/topology";
import { replayCountOf, stamped } from "@airlake/shared/worker/replay-attributes";

import type { Audit } from "../audit.ts";
import { placeOf } from "../ledger.ts";
import type { OpenedLake } from "../opened-lake.ts";
import { mapBounded } from "../bounded.ts";
import { type Dead, bodyOf } from "./dead.ts";
import { settleFailure } from "./failure-ledger.ts";
import type { Hold } from "./hold.ts";
import type { Look } from "./look.ts";

export interface Performing {
  readonly opened: OpenedLake;
  readonly look: Look;
  readonly audit: Audit;
  readonly signal: AbortSignal;
  /** Messages a second. */
  readonly rate: number;
  /** Is told how many are through. */
  readonly onStep: (through: number) => Promise<void>;
}

/** What was sent, by the id of the dead message. */
export interface Sent {
  readonly dead: Dead;
  readonly sentAs: string;
  /** ISO 8601. */
  readonly at: string;
}

const batchSize = 10;
/** Steps a second: a slow rate is kept evenly, a fast one in batches. */
const stepsPerSecond = 5;

/** Sends each to its source queue, then deletes it from the dead-letter queue. Gives what was sent. */
export async function replayMessages(run: Performing, items: readonly Dead[]): Promise<readonly Sent[]> {
  const sent: Sent[] = [];
  await inSteps(run, items, async (step) => {
    const held = heldOf(run, step);
    for (const one of await sendStep(run, held)) sent.push(one);
    const gone = sent.filter(({ dead }) => held.includes(dead));
    const kept = await removeAll(
      run,
      gone.map(({ dead }) => dead),
    );
    await mapBounded(gone, batchSize, async ({ dead, sentAs, at }) => {
      const isKept = kept.has(dead.message?.MessageId ?? "");
      run.audit.note(dead.id, { result: isKept ? "sent-not-deleted" : "replayed", sentAs, at });
      if (!isKept) await settle(run, dead, { at, how: "replayed", by: run.audit.id, sentAs });
    });
  });
  return sent;
}

/** Deletes each. What has no failure record is kept in the audit. */
export async function discardMessages(run: Performing, items: readonly Dead[]): Promise<void> {
  await inSteps(run, items, async (step) => {
    const held = heldOf(run, step);
    for (const dead of held) if (needsBody(dead)) run.audit.note(dead.id, { body: bodyOf(dead) });
    const kept = await removeAll(run, held);
    const at = run.opened.clock.now().toISOString();
    await mapBounded(held, batchSize, async (dead) => {
      const isKept = kept.has(dead.message?.MessageId ?? "");
      run.audit.note(dead.id, { result: isKept ? "not-deleted" : "discarded", at });
      if (!isKept) await settle(run, dead, { at, how: "discarded", by: run.audit.id });
    });
  });
}

function needsBody(dead: Dead): boolean {
  return dead.failure?.record.body !== dead.message?.Body;
}

async function inSteps(
  run: Performing,
  items: readonly Dead[],
  step: (some: readonly Dead[]) => Promise<void>,
): Promise<void> {
  const { clock } = run.opened;
  const size = Math.max(1, Math.min(batchSize, Math.floor(run.rate / stepsPerSecond)));
  let nextMs = clock.monotonicMs();
  for (let at = 0; at < items.length; at += size) {
    await pause(run, nextMs - clock.monotonicMs());
    if (run.signal.aborted) return;
    nextMs = Math.max(nextMs, clock.monotonicMs() - 1000) + (size / run.rate) * 1000;
    await renewAll(run.look);
    await step(items.slice(at, at + size));
    await run.audit.keep();
    await run.onStep(Math.min(items.length, at + size));
  }
}

/** Extends what is held, where it is due. */
export async function renewAll(look: Look): Promise<void> {
  for (const { hold } of look.boxes) await hold.renew();
}

/** Waits, or ends at once when the person wishes to stop. */
export async function pause({ opened, signal }: Pick<Performing, "opened" | "signal">, ms: number): Promise<void> {
  if (ms <= 0 || signal.aborted) return;
  try {
    await opened.clock.sleep(ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function holdOf(look: Look, dead: Dead): Hold | undefined {
  return look.boxes.find(({ box }) => box.url === dead.box?.url)?.hold;
}

/** Those that are still ours. The others may be with somebody else, and nothing is done about them. */
function heldOf({ look, audit }: Performing, items: readonly Dead[]): readonly Dead[] {
  return items.filter((dead) => {
    const isHeld = holdOf(look, dead)?.isHeld(dead.message?.MessageId ?? "") === true;
    if (!isHeld) audit.note(dead.id, { result: "not-held: it is gone, or with somebody else" });
    return isHeld;
  });
}

async function removeAll({ look }: Performing, items: readonly Dead[]): Promise<ReadonlySet<string>> {
  const kept = new Set<string>();
  for (const { box, hold } of look.boxes) {
    const ids = items.filter((dead) => dead.box?.url === box.url).map(({ message }) => message?.MessageId ?? "");
    if (ids.length > 0) for (const id of await hold.remove(ids)) kept.add(id);
  }
  return kept;
}

async function settle(run: Performing, dead: Dead, settlement: Settlement): Promise<void> {
  if (dead.failure !== undefined) await settleFailure(placeOf(run.opened), dead.failure, settlement);
}

async function sendStep(run: Performing, items: readonly Dead[]): Promise<readonly Sent[]> {
  const sent: Sent[] = [];
  const urls = Map.groupBy(items, (dead) => dead.box?.sourceUrl ?? "");
  for (const [url, ofUrl] of urls)
    for (const batch of batchesOf(run, ofUrl)) sent.push(...(await sendBatch(run, url, batch)));
  return sent;
}

interface Outgoing {
  readonly dead: Dead;
  readonly attributes: Readonly<Record<string, MessageAttributeValue>>;
  readonly bytes: number;
}

async function sendBatch(run: Performing, url: string, batch: readonly Outgoing[]): Promise<readonly Sent[]> {
  const answer = await run.opened.sqs.send(
    new SendMessageBatchCommand({
      QueueUrl: url,
      Entries: batch.map(({ dead, attributes }, at) => ({
        Id: String(at),
        MessageBody: bodyOf(dead),
        MessageAttributes: { ...attributes },
      })),
    }),
  );
  for (const { Id, Message: why, Code: code } of answer.Failed ?? []) {
    const refused = batch[Number(Id)];
    if (refused !== undefined)
      run.audit.note(refused.dead.id, { result: `not-sent: ${why ?? code ?? "unknown reason"}` });
  }
  const at = run.opened.clock.now().toISOString();
  return (answer.Successful ?? []).flatMap(({ Id, MessageId: sentAs }) => {
    const dead = batch[Number(Id)]?.dead;
    return dead === undefined || sentAs === undefined ? [] : [{ dead, sentAs, at }];
  });
}

/** A batch may be no longer than one message; and a message that was as long as can be has no room for the stamp. */
function batchesOf(run: Performing, items: readonly Dead[]): readonly (readonly Outgoing[])[] {
  const batches: Outgoing[][] = [];
  let left = 0;
  for (const dead of items) {
    const attributes = attributesOf(run, dead);
    const bytes = Buffer.byteLength(bodyOf(dead)) + bytesOf(attributes);
    if (bytes > maxMessageBytes) {
      run.audit.note(dead.id, {
        result: `not-sent: with its stamp it has ${bytes} bytes, and SQS takes ${maxMessageBytes}`,
      });
      continue;
    }
    if (bytes > left) {
      batches.push([]);
      left = maxMessageBytes;
    }
    batches.at(-1)?.push({ dead, attributes, bytes });
    left -= bytes;
  }
  return batches;
}

/** As SQS counts: names, types and values. */
function bytesOf(attributes: Readonly<Record<string, MessageAttributeValue>>): number {
  const lengths = Object.entries(attributes).map(
    ([name, { DataType = "", StringValue = "", BinaryValue }]) =>
      Buffer.byteLength(name + DataType + StringValue) + (BinaryValue?.length ?? 0),
  );
  return lengths.reduce((sum, one) => sum + one, 0);
}

/** What parking has added is of the past; what the message came with stays. */
const ofParking = new Set(["reason", "failureKey", "parkedBy"]);

function attributesOf({ audit }: Performing, { message = {} }: Dead): Readonly<Record<string, MessageAttributeValue>> {
  const own = Object.entries(message.MessageAttributes ?? {}).filter(([name]) => !ofParking.has(name));
  const stamp = stamped({ id: audit.id, count: replayCountOf(message) + 1, by: audit.by.user });
  return { ...Object.fromEntries(own), ...stamp };
}
