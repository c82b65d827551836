/** Failure records in ops, and parking in the dead-letter queue. */
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import type { Message } from "@aws-sdk/client-sqs";
import type { Clock } from "../clock.ts";
import type { FailureRecord } from "../contracts/failure.ts";
import { failureKey } from "../contracts/keys.ts";
import { maxMessageBytes } from "../contracts/topology.ts";
import { errorChain } from "../errors.ts";
import type { ObjectStore } from "../object-store.ts";
import type { QueueClient } from "../queue-client.ts";
import { aboutMessage } from "./about-message.ts";
import type { Failure, Hand } from "./hand.ts";
import { stampOf } from "./replay-attributes.ts";

export interface FailureDesk {
  about(message: Message, receiveCount: number): Pick<Hand, "recordFailure" | "park">;
}

export interface FailureDeskOptions {
  readonly opsBucket: string;
  readonly deadLetterQueueUrl: string;
  /** The worker's name, as in the logs. */
  readonly name: string;
  readonly version: string;
}

/** What is kept of a body in its failure record, in characters. SQS allows a million. */
const bodyKept = 100_000;

/** What parking adds to a message at most: its reason, its record's key, and by whom, with their names. */
const parkingBytes = 1024;

/** Whether SQS would take the message with what parking adds to it. Where not, SQS parks it as it is, at its last receive. */
export function hasRoomToPark(message: Message): boolean {
  const stamp = Object.entries(stampOf(message)).map(([name, { StringValue = "" }]) => `${name}String${StringValue}`);
  return Buffer.byteLength(`${message.Body ?? ""}${stamp.join("")}`) + parkingBytes <= maxMessageBytes;
}

export function createFailureDesk(
  deps: { readonly s3: ObjectStore; readonly sqs: QueueClient; readonly clock: Clock },
  options: FailureDeskOptions,
): FailureDesk {
  return {
    about: (message, receiveCount) => ({
      async recordFailure(failure) {
        const at = deps.clock.now();
        const key = failureKey(
          at.toISOString().slice(0, 10),
          options.name,
          `${message.MessageId ?? "none"}.${deps.clock.newId()}`,
        );
        const record = recordOf(message, receiveCount, failure, {
          at: at.toISOString(),
          service: options.name,
          version: options.version,
        });
        const body = `${JSON.stringify(record)}\n`;
        await deps.s3.send(
          new PutObjectCommand({ Bucket: options.opsBucket, Key: key, Body: body, ContentType: "application/json" }),
        );
        return key;
      },

      async park(reason, key) {
        await deps.sqs.send(
          new SendMessageCommand({
            QueueUrl: options.deadLetterQueueUrl,
            MessageBody: message.Body ?? "",
            MessageAttributes: {
              ...stampOf(message),
              reason: { DataType: "String", StringValue: reason },
              failureKey: { DataType: "String", StringValue: key },
              parkedBy: { DataType: "String", StringValue: `${options.name} ${options.version}` },
            },
          }),
        );
      },
    }),
  };
}

function recordOf(
  message: Message,
  receiveCount: number,
  failure: Failure,
  made: { readonly at: string; readonly service: string; readonly version: string },
): FailureRecord {
  const { error, parkedBy = "worker", ...facts } = failure;
  const sentMs = Number(message.Attributes?.SentTimestamp ?? "");
  return {
    contract: "failure/1",
    service: made.service,
    ...facts,
    errors: error === undefined ? [] : [...errorChain(error)],
    at: made.at,
    messageId: message.MessageId ?? "",
    receiveCount,
    ...(sentMs > 0 ? { sentAt: new Date(sentMs).toISOString() } : {}),
    parkedBy,
    correlationId: aboutMessage(message).correlationId,
    body: (message.Body ?? "").slice(0, bodyKept),
    attributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, value.StringValue ?? ""]),
    ),
    workerVersion: made.version,
  };
}
