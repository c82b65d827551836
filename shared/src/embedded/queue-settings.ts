/** Making queues, and reading and changing their settings. */
import type * as Sqs from "@aws-sdk/client-sqs";
import { sqsError } from "./aws-errors.ts";
import { operation } from "./client-shape.ts";
import type { Operation } from "./client-shape.ts";
import { transact } from "./database.ts";
import {
  checkAttributeNames,
  checkAttributes,
  checkQueueName,
  defaultAttributes,
  queueArnOf,
  queueDoesNotExist,
  queueUrlOf,
  redrivePolicyOf,
} from "./queue-attributes.ts";
import type { QueueAttributes } from "./queue-attributes.ts";
import { findQueue } from "./queue-context.ts";
import type { QueueContext } from "./queue-context.ts";
import { oldestKeptMs } from "./queue-receive.ts";
import type { QueueRow } from "./queue-store.ts";

export function settingOperations(context: QueueContext): Readonly<Record<string, Operation>> {
  return { ...makingQueues(context), ...attributes(context), ...finding(context) };
}

function makingQueues(context: QueueContext): Readonly<Record<string, Operation>> {
  const { db, store, clock } = context;
  return {
    CreateQueue: operation<Sqs.CreateQueueCommandInput>(["QueueName", "Attributes"], (input) => {
      const name = checkQueueName(input.QueueName);
      const wanted = checkAttributes(input.Attributes ?? {});
      transact(db, () => {
        const existing = store.findQueue(name);
        if (existing !== undefined) return assertSame(existing, wanted);
        checkDeadLetterQueue(context, wanted);
        return store.addQueue(name, withoutEmpty({ ...defaultAttributes(), ...wanted }), clock.now().getTime());
      });
      return { QueueUrl: queueUrlOf(name) };
    }),
    PurgeQueue: operation<Sqs.PurgeQueueCommandInput>(["QueueUrl"], (input) => {
      const queue = findQueue(context, input.QueueUrl);
      transact(db, () => store.purge(queue.id));
      return {};
    }),
  };
}

function attributes(context: QueueContext): Readonly<Record<string, Operation>> {
  const { db, store, clock } = context;
  return {
    SetQueueAttributes: operation<Sqs.SetQueueAttributesCommandInput>(["QueueUrl", "Attributes"], (input) => {
      const wanted = checkAttributes(input.Attributes ?? {});
      transact(db, () => {
        const queue = findQueue(context, input.QueueUrl);
        checkDeadLetterQueue(context, wanted);
        store.setAttributes(queue.id, withoutEmpty({ ...queue.attributes, ...wanted }), clock.now().getTime());
      });
      return {};
    }),
    GetQueueAttributes: operation<Sqs.GetQueueAttributesCommandInput>(["QueueUrl", "AttributeNames"], (input) => {
      const names = checkAttributeNames(input.AttributeNames ?? []);
      if (names.length === 0) return {};
      const all = allAttributes(context, findQueue(context, input.QueueUrl));
      const wanted = Object.entries(all).filter(([name]) => names.includes("All") || names.includes(name));
      return { Attributes: Object.fromEntries(wanted) };
    }),
  };
}

function finding({ store }: QueueContext): Readonly<Record<string, Operation>> {
  return {
    GetQueueUrl: operation<Sqs.GetQueueUrlCommandInput>(["QueueName"], (input) => {
      const queue = store.findQueue(input.QueueName ?? "");
      if (queue === undefined) throw queueDoesNotExist();
      return { QueueUrl: queueUrlOf(queue.name) };
    }),
    ListQueues: operation<Sqs.ListQueuesCommandInput>(["QueueNamePrefix"], (input) => {
      const names = store.listQueues().map((queue) => queue.name);
      const urls = names.filter((name) => name.startsWith(input.QueueNamePrefix ?? "")).map(queueUrlOf);
      return urls.length === 0 ? {} : { QueueUrls: urls };
    }),
  };
}

function allAttributes({ store, clock }: QueueContext, queue: QueueRow): QueueAttributes {
  const nowMs = clock.now().getTime();
  const counts = store.count(queue.id, nowMs, oldestKeptMs(queue, nowMs));
  return {
    ...queue.attributes,
    QueueArn: queueArnOf(queue.name),
    CreatedTimestamp: String(Math.floor(queue.createdAtMs / 1000)),
    LastModifiedTimestamp: String(Math.floor(queue.modifiedAtMs / 1000)),
    ApproximateNumberOfMessages: String(counts.visible),
    ApproximateNumberOfMessagesNotVisible: String(counts.inFlight),
    ApproximateNumberOfMessagesDelayed: String(counts.delayed),
  };
}

function assertSame(existing: QueueRow, wanted: QueueAttributes): void {
  for (const [name, value] of Object.entries(wanted)) {
    if ((existing.attributes[name] ?? "") === value) continue;
    throw sqsError(
      "QueueNameExists",
      `A queue already exists with the same name and a different value for attribute ${name}`,
    );
  }
}

/** As SQS, and unlike LocalStack: a redrive policy that names no queue would lose messages later, so it is refused now. */
function checkDeadLetterQueue({ store }: QueueContext, wanted: QueueAttributes): void {
  const policy = redrivePolicyOf(withoutEmpty(wanted));
  if (policy === undefined || store.findQueue(policy.deadLetterQueue) !== undefined) return;
  throw sqsError(
    "InvalidParameterValue",
    `Value ${wanted["RedrivePolicy"]} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.`,
  );
}

function withoutEmpty(given: QueueAttributes): QueueAttributes {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
}
