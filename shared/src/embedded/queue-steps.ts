/** What is done with one message inside a transaction; single commands and batches share it. */
import type * as Sqs from "@aws-sdk/client-sqs";
import type { Clock } from "../clock.ts";
import { sqsError } from "./aws-errors.ts";
import { numberOf } from "./queue-attributes.ts";
import { checkMessage, readReceipt } from "./queue-messages.ts";
import type { QueueRow, QueueStore } from "./queue-store.ts";

export interface MessageSteps {
  send(queue: QueueRow, input: MessageInput): { MessageId: string; MD5OfMessageBody: string };
  remove(queue: QueueRow, receipt: string | undefined): void;
  hide(queue: QueueRow, receipt: string | undefined, seconds: number | undefined): void;
}

type MessageInput = Pick<Sqs.SendMessageCommandInput, "MessageBody" | "DelaySeconds" | "MessageAttributes">;

export function messageSteps({ store, clock }: { readonly store: QueueStore; readonly clock: Clock }): MessageSteps {
  const nowMs = (): number => clock.now().getTime();
  return {
    send: (queue, input) => {
      const limit = numberOf(queue.attributes, "MaximumMessageSize");
      const message = checkMessage(input.MessageBody, input.MessageAttributes, limit);
      const delay = checkSeconds("DelaySeconds", input.DelaySeconds ?? numberOf(queue.attributes, "DelaySeconds"), 900);
      const messageId = newMessageId(clock);
      const sentAtMs = nowMs();
      const { body, attributes } = message;
      store.addMessage({
        queueId: queue.id,
        messageId,
        body,
        attributes,
        sentAtMs,
        visibleAtMs: sentAtMs + delay * 1000,
      });
      const sums = message.attributesMd5 === undefined ? {} : { MD5OfMessageAttributes: message.attributesMd5 };
      return { MessageId: messageId, MD5OfMessageBody: message.bodyMd5, ...sums };
    },
    remove: (queue, receipt) => {
      store.remove(readReceipt(receipt, queue.id));
    },
    hide: (queue, receipt, seconds) => {
      const hidden = checkSeconds("VisibilityTimeout", seconds ?? Number.NaN, 43_200);
      const now = nowMs();
      if (store.hideUntil(readReceipt(receipt, queue.id), now, now + hidden * 1000) !== "gone") return;
      throw sqsError(
        "InvalidParameterValue",
        `Value ${receipt} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.`,
      );
    },
  };
}

/** A message's id, in the form of a UUID. */
export function newMessageId(clock: Clock): string {
  return `${clock.newId()}${clock.newId()}`.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function checkSeconds(name: string, value: number, highest: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= highest) return value;
  throw sqsError(
    "InvalidParameterValue",
    `Value ${value} for parameter ${name} is invalid. Reason: Must be between 0 and ${highest}.`,
  );
}
