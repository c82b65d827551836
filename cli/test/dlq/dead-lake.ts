/** A lake whose dead-letter queues are filled as workers fill them, without running any. */
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { type Clock, systemClock } from "@airlake/shared/clock";
import { expect, vi } from "vitest";
import { createFailureDesk } from "@airlake/shared/worker/failures";
import type { Failure } from "@airlake/shared/worker/hand";

import { type Service, boxesOf } from "../../src/dlq/stages.ts";
import { openEmbedded } from "../../src/embedded.ts";
import { openLake } from "../../src/lake.ts";
import type { OpenedLake } from "../../src/opened-lake.ts";
import { type Ran, json } from "../airlake.ts";
import { inProcess } from "../in-process.ts";
import { tempFolder } from "../temp-folder.ts";

export interface DeadLake extends AsyncDisposable {
  readonly opened: OpenedLake;
  readonly shown: string;
  /** Runs `airlake dlq …` on it. */
  dlq(...args: readonly string[]): Promise<Ran>;
  dlqJson(...args: readonly string[]): Promise<Readonly<Record<string, never>>>;
  /** Puts a source into raw, where no cleaner is at work. */
  put(key: string, text: string): Promise<string>;
  /** A worker rejects a message about a source, records it and parks it. */
  reject(key: string, failure?: Partial<Failure>, at?: Date): Promise<void>;
  /** SQS parks a message after ten receives; the last attempt has left a record, or not. */
  exhaust(body: string, left?: { readonly error: Error; readonly at?: Date }): Promise<void>;
  /** Messages lie in the dead-letter queue, and nobody wrote why. */
  crash(bodies: readonly string[]): Promise<void>;
  depth(kind?: "dead" | "queued", stage?: Service): Promise<{ readonly visible: number; readonly hidden: number }>;
  /** Receives from a queue as somebody else would, and keeps it. */
  take(kind?: "dead" | "queued"): Promise<readonly Message[]>;
  /** Receives all and deletes it. */
  drain(kind?: "dead" | "queued"): Promise<readonly Message[]>;
}

/** An embedded lake in a folder of its own. */
export async function createDeadLake(): Promise<DeadLake> {
  const folder = await tempFolder();
  const lake = await openLake(`${folder}/lake`, "create");
  const dead = deadLakeOf(await openEmbedded(lake, systemClock));
  // S3's test event, of which no test here wants to know.
  await dead.drain("queued");
  return dead;
}

/** The same hands on any lake. */
export function deadLakeOf(opened: OpenedLake): DeadLake {
  const { s3, sqs, shown, topology } = opened;
  const { url: cleanUrl, deadLetterUrl } = opened.queues.clean;
  const urlOf = (kind: "dead" | "queued", stage: Service = "cleaner"): string =>
    boxesOf(opened, kind, stage)[0]?.url ?? "";
  const deskAt = (at: Date) => {
    const clock: Clock = { ...opened.clock, now: () => at };
    const options = {
      opsBucket: topology.buckets.ops,
      deadLetterQueueUrl: deadLetterUrl,
      name: "cleaner",
      version: "9",
    };
    return createFailureDesk({ s3, sqs, clock }, options);
  };
  const pointer = (key: string): string =>
    JSON.stringify({
      contract: "source-changed/1",
      source: { bucket: topology.buckets.raw, key },
      correlationId: `story of ${key}`,
    });
  const receive = async (url: string, seconds: number): Promise<readonly Message[]> => {
    const asked = { QueueUrl: url, MaxNumberOfMessages: 10, VisibilityTimeout: seconds };
    const names = { MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All" as const] };
    return (await sqs.send(new ReceiveMessageCommand({ ...asked, ...names }))).Messages ?? [];
  };
  return {
    opened,
    shown,
    dlq: async (...args) => inProcess(["dlq", ...args, "--lake", shown]),
    dlqJson: async (...args) => json(await inProcess(["dlq", ...args, "--lake", shown, "--json"])) as never,
    put: async (key, text) => {
      const answer = await s3.send(new PutObjectCommand({ Bucket: topology.buckets.raw, Key: key, Body: text }));
      // What S3 tells the cleaner of it, now or a moment later, is of no interest here.
      const told = await vi.waitFor(
        async () => {
          const messages = await receive(cleanUrl, 30);
          expect(messages).not.toEqual([]);
          return messages;
        },
        { timeout: 45_000, interval: 50 },
      );
      for (const { ReceiptHandle } of told)
        await sqs.send(new DeleteMessageCommand({ QueueUrl: cleanUrl, ReceiptHandle }));
      return answer.ETag ?? "";
    },
    reject: async (key, failure = {}, at = opened.clock.now()) => {
      const message = {
        MessageId: opened.clock.newId(),
        Body: pointer(key),
        Attributes: { SentTimestamp: String(at.getTime()) },
      };
      const { recordFailure, park } = deskAt(at).about(message, 1);
      const source = { bucket: topology.buckets.raw, key };
      const reason = failure.reason ?? "no-good";
      await park(reason, await recordFailure({ reason, detail: `${key} is no good`, source, ...failure }));
    },
    exhaust: async (body, left) => {
      await sqs.send(new SendMessageCommand({ QueueUrl: cleanUrl, MessageBody: body }));
      for (let receives = 1; receives <= 10; receives += 1) {
        const [message] = await receive(cleanUrl, 0);
        if (receives < 10 || left === undefined || message === undefined) continue;
        const { error, at = opened.clock.now() } = left;
        const failure = { reason: "unexpected", detail: error.message, error, parkedBy: "queue" as const };
        await deskAt(at).about(message, receives).recordFailure(failure);
      }
      await receive(cleanUrl, 0);
    },
    crash: async (bodies) => {
      for (let at = 0; at < bodies.length; at += 10) {
        const Entries = bodies.slice(at, at + 10).map((MessageBody, index) => ({ Id: String(index), MessageBody }));
        await sqs.send(new SendMessageBatchCommand({ QueueUrl: deadLetterUrl, Entries }));
      }
    },
    depth: async (kind = "dead", stage) => {
      const asked = new GetQueueAttributesCommand({ QueueUrl: urlOf(kind, stage), AttributeNames: ["All"] });
      const { Attributes: found = {} } = await sqs.send(asked);
      return {
        visible: Number(found["ApproximateNumberOfMessages"]),
        hidden: Number(found["ApproximateNumberOfMessagesNotVisible"]),
      };
    },
    take: async (kind = "dead") => receive(urlOf(kind), 600),
    drain: async (kind = "dead") => {
      const drained: Message[] = [];
      for (;;) {
        const messages = await receive(urlOf(kind), 600);
        if (messages.length === 0) return drained;
        for (const { ReceiptHandle } of messages)
          await sqs.send(new DeleteMessageCommand({ QueueUrl: urlOf(kind), ReceiptHandle }));
        drained.push(...messages);
      }
    },
    [Symbol.asyncDispose]: async () => opened[Symbol.asyncDispose](),
  };
}

const hourMs = 3_600_000;

/** So many hours ago. */
export function hoursAgo(hours: number): Date {
  return new Date(Date.now() - hours * hourMs);
}
