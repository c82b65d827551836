/** A lake of its own for one test: embedded buckets and queues in a temporary folder. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { CreateBucketCommand } from "@aws-sdk/client-s3";
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { pino } from "pino";

import type { Clients } from "../clients.ts";
import { systemClock } from "../clock.ts";
import { type EmbeddedObjects, createEmbeddedObjects } from "../embedded/objects.ts";
import { type EmbeddedQueues, createEmbeddedQueues } from "../embedded/queues.ts";
import type { Logger } from "../logger.ts";

export interface TestLake extends AsyncDisposable {
  readonly folder: string;
  readonly s3: EmbeddedObjects;
  readonly sqs: EmbeddedQueues;
  /** Silent; `lines` has what was logged. */
  readonly log: Logger;
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  readonly clients: Clients;
  /** Makes a queue, and gives its URL. */
  queue(name: string, attributes?: Readonly<Record<string, string>>): Promise<string>;
  send(queueUrl: string, body: unknown): Promise<void>;
  /** Visible messages, in flight and delayed ones. */
  depth(queueUrl: string): Promise<number>;
  /** Takes every visible message, without deleting any. */
  take(
    queueUrl: string,
  ): Promise<readonly { readonly body: string; readonly attributes: Readonly<Record<string, string>> }[]>;
}

export async function createTestLake(buckets: readonly string[] = ["raw", "silver", "gold", "ops"]): Promise<TestLake> {
  const folder = await mkdtemp(join(tmpdir(), "airlake-test-"));
  const sqs = createEmbeddedQueues({ folder, clock: systemClock });
  const s3 = createEmbeddedObjects({ folder, queues: sqs, clock: systemClock });
  for (const Bucket of buckets) await s3.send(new CreateBucketCommand({ Bucket }));
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return {
    folder,
    s3,
    sqs,
    log,
    lines,
    clients: { s3, sqs, log, clock: systemClock },

    async queue(name, attributes = {}) {
      const { QueueUrl: url } = await sqs.send(
        new CreateQueueCommand({ QueueName: name, Attributes: { ...attributes } }),
      );
      return url ?? "";
    },

    async send(queueUrl, body) {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: text }));
    },

    async depth(queueUrl) {
      const { Attributes: found = {} } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ["All"] }),
      );
      const { ApproximateNumberOfMessages: visible, ApproximateNumberOfMessagesNotVisible: inFlight } = found;
      return Number(visible ?? 0) + Number(inFlight ?? 0) + Number(found.ApproximateNumberOfMessagesDelayed ?? 0);
    },

    async take(queueUrl) {
      const taken: { body: string; attributes: Record<string, string> }[] = [];
      for (;;) {
        const { Messages: messages = [] } = await sqs.send(
          new ReceiveMessageCommand({
            QueueUrl: queueUrl,
            MaxNumberOfMessages: 10,
            MessageAttributeNames: ["All"],
            WaitTimeSeconds: 0,
          }),
        );
        if (messages.length === 0) return taken;
        for (const message of messages) {
          const named = Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue }]) => [
            name,
            StringValue ?? "",
          ]);
          taken.push({ body: message.Body ?? "", attributes: Object.fromEntries(named) });
        }
      }
    },

    async [Symbol.asyncDispose](): Promise<void> {
      s3.destroy();
      sqs.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
