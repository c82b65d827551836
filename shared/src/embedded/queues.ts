/**
 * SQS for one machine: queues in a SQLite file that several processes share, behind the shape of the SDK's client.
 *
 * Receipts behave as LocalStack's: every receive makes a new one, and every one of them, also an old one, names the message as
 * long as it exists. So a stale receipt deletes (or hides) a message that another receiver holds. Deleting what is gone is no
 * error; changing the visibility of what is gone is `InvalidParameterValue`; of what nobody holds, nothing happens.
 */
import type * as Sqs from "@aws-sdk/client-sqs";
import type { SQSClient } from "@aws-sdk/client-sqs";
import type { Clock } from "../clock.ts";
import { explainSqs, sqsError, sqsNotImplemented } from "./aws-errors.ts";
import { createSend, operation } from "./client-shape.ts";
import type { Operation } from "./client-shape.ts";
import { openDatabase, transact } from "./database.ts";
import { numberOf } from "./queue-attributes.ts";
import { batchOperations } from "./queue-batches.ts";
import { findQueue } from "./queue-context.ts";
import type { QueueContext } from "./queue-context.ts";
import { createReceive } from "./queue-receive.ts";
import { settingOperations } from "./queue-settings.ts";
import { messageSteps } from "./queue-steps.ts";
import type { MessageSteps } from "./queue-steps.ts";
import { createQueueStore } from "./queue-store.ts";
import type { QueueRow } from "./queue-store.ts";
import { createWaiting } from "./waiting.ts";

export interface EmbeddedQueues extends Pick<SQSClient, "send" | "destroy"> {
  /** Whether nothing is waiting, in flight or delayed in any of these queues, seen at one instant. */
  isQuiet(queueUrls: readonly string[]): boolean;
  /** Lets this process's long polls on these queues look at once. The embedded objects call it after an event. */
  wake(queueNames: Iterable<string>): void;
}

/**
 * Opens the queues under `folder` (made where it is missing). Throws with the system's code where it cannot be written.
 * `destroy` ends open long polls with `AbortError` and closes the file.
 */
export function createEmbeddedQueues({
  folder,
  clock,
}: {
  readonly folder: string;
  readonly clock: Clock;
}): EmbeddedQueues {
  const db = openDatabase(folder);
  const context: QueueContext = { db, store: createQueueStore(db), clock, waiting: createWaiting() };
  const send = createSend({
    operations: operationsOf(context),
    notImplemented: sqsNotImplemented,
    explain: explainSqs,
  });
  return {
    // createSend refuses the one form of `send` that it has not: the callback.
    send: send as SQSClient["send"],
    destroy: () => {
      context.waiting.close();
      if (db.isOpen) db.close();
    },
    isQuiet: (queueUrls) => {
      const names = queueUrls.map((url) => findQueue(context, url).name);
      return context.store.isEmpty(names, clock.now().getTime());
    },
    wake: (queueNames) => context.waiting.wake(queueNames),
  };
}

function operationsOf(context: QueueContext): Readonly<Record<string, Operation>> {
  const steps = messageSteps(context);
  return {
    ...settingOperations(context),
    ...sendAndReceive(context, steps),
    ...settling(context, steps),
    ...batchOperations(context, steps),
  };
}

function sendAndReceive(context: QueueContext, steps: MessageSteps): Readonly<Record<string, Operation>> {
  const { db, waiting } = context;
  const receive = createReceive(context);
  return {
    SendMessage: operation<Sqs.SendMessageCommandInput>(
      ["QueueUrl", "MessageBody", "DelaySeconds", "MessageAttributes"],
      (input) => {
        const queue = findQueue(context, input.QueueUrl);
        const sent = transact(db, () => steps.send(queue, input));
        waiting.wake([queue.name]);
        return sent;
      },
    ),
    ReceiveMessage: operation<Sqs.ReceiveMessageCommandInput>(
      [
        "QueueUrl",
        "MaxNumberOfMessages",
        "VisibilityTimeout",
        "WaitTimeSeconds",
        "MessageAttributeNames",
        "MessageSystemAttributeNames",
        "AttributeNames",
      ],
      async (input, signal) => {
        const find = (): QueueRow => findQueue(context, input.QueueUrl);
        const messages = await receive(find, (queue) => readRequest(queue, input), signal);
        return messages.length === 0 ? {} : { Messages: messages };
      },
    ),
  };
}

function settling({ db, ...context }: QueueContext, steps: MessageSteps): Readonly<Record<string, Operation>> {
  return {
    DeleteMessage: operation<Sqs.DeleteMessageCommandInput>(["QueueUrl", "ReceiptHandle"], (input) => {
      const queue = findQueue(context, input.QueueUrl);
      transact(db, () => steps.remove(queue, input.ReceiptHandle));
      return {};
    }),
    ChangeMessageVisibility: operation<Sqs.ChangeMessageVisibilityCommandInput>(
      ["QueueUrl", "ReceiptHandle", "VisibilityTimeout"],
      (input) => {
        const queue = findQueue(context, input.QueueUrl);
        transact(db, () => steps.hide(queue, input.ReceiptHandle, input.VisibilityTimeout));
        if (input.VisibilityTimeout === 0) context.waiting.wake([queue.name]);
        return {};
      },
    ),
  };
}

function readRequest(queue: QueueRow, input: Sqs.ReceiveMessageCommandInput) {
  const systemNames = input.MessageSystemAttributeNames ?? input.AttributeNames ?? [];
  const wait = input.WaitTimeSeconds ?? numberOf(queue.attributes, "ReceiveMessageWaitTimeSeconds");
  return {
    most: checkRange("MaxNumberOfMessages", input.MaxNumberOfMessages ?? 1, 1, 10),
    visibilitySeconds:
      input.VisibilityTimeout === undefined
        ? undefined
        : checkRange("VisibilityTimeout", input.VisibilityTimeout, 0, 43_200),
    waitSeconds: checkRange("WaitTimeSeconds", wait, 0, 20),
    wanted: { system: systemNames, message: input.MessageAttributeNames ?? [] },
  };
}

/** A whole number within SQS's limits. Throws `InvalidParameterValue`. */
function checkRange(name: string, value: number, lowest: number, highest: number): number {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return value;
  throw sqsError(
    "InvalidParameterValue",
    `Value ${value} for parameter ${name} is invalid. Reason: Must be between ${lowest} and ${highest}, if provided.`,
  );
}
