/** SQS's batches: up to ten entries in one transaction, each of which may fail by itself. */
import type * as Sqs from "@aws-sdk/client-sqs";
import { SQSServiceException } from "@aws-sdk/client-sqs";
import { sqsError, sqsNotImplemented } from "./aws-errors.ts";
import { operation } from "./client-shape.ts";
import type { Operation } from "./client-shape.ts";
import { transact } from "./database.ts";
import { findQueue } from "./queue-context.ts";
import type { QueueContext } from "./queue-context.ts";
import { checkBatchSize } from "./queue-messages.ts";
import type { MessageSteps } from "./queue-steps.ts";

export function batchOperations(context: QueueContext, steps: MessageSteps): Readonly<Record<string, Operation>> {
  const { db, waiting } = context;
  return {
    SendMessageBatch: operation<Sqs.SendMessageBatchCommandInput>(["QueueUrl", "Entries"], (input) => {
      const queue = findQueue(context, input.QueueUrl);
      const known = ["Id", "MessageBody", "DelaySeconds", "MessageAttributes"] as const;
      const entries = checkEntries<Sqs.SendMessageBatchRequestEntry>(input.Entries, known);
      checkBatchSize(entries);
      const { Successful, Failed } = transact(db, () => each(entries, (entry) => steps.send(queue, entry)));
      waiting.wake([queue.name]);
      // SQS leaves an empty half out here, and only here.
      return { ...(Successful.length > 0 ? { Successful } : {}), ...(Failed.length > 0 ? { Failed } : {}) };
    }),
    DeleteMessageBatch: operation<Sqs.DeleteMessageBatchCommandInput>(["QueueUrl", "Entries"], (input) => {
      const queue = findQueue(context, input.QueueUrl);
      const entries = checkEntries<Sqs.DeleteMessageBatchRequestEntry>(input.Entries, ["Id", "ReceiptHandle"]);
      return transact(db, () => each(entries, (entry) => steps.remove(queue, entry.ReceiptHandle)));
    }),
    ChangeMessageVisibilityBatch: operation<Sqs.ChangeMessageVisibilityBatchCommandInput>(
      ["QueueUrl", "Entries"],
      (input) => {
        const queue = findQueue(context, input.QueueUrl);
        const known = ["Id", "ReceiptHandle", "VisibilityTimeout"] as const;
        const entries = checkEntries<Sqs.ChangeMessageVisibilityBatchRequestEntry>(input.Entries, known);
        const result = transact(db, () =>
          each(entries, (entry) => steps.hide(queue, entry.ReceiptHandle, entry.VisibilityTimeout)),
        );
        waiting.wake([queue.name]);
        return result;
      },
    ),
  };
}

function checkEntries<Entry extends { Id: string | undefined }>(
  entries: readonly Entry[] | undefined,
  known: readonly (keyof Entry & string)[],
): readonly Entry[] {
  if (entries === undefined || entries.length === 0) {
    throw sqsError("EmptyBatchRequest", "There should be at least one entry in the request.");
  }
  if (entries.length > 10) {
    const message = `Maximum number of entries per request are 10. You have sent ${entries.length}.`;
    throw sqsError("TooManyEntriesInBatchRequest", message);
  }
  const ids = new Set<string>();
  for (const entry of entries) {
    for (const [option, value] of Object.entries(entry)) {
      if (value === undefined || known.some((name) => name === option)) continue;
      throw sqsNotImplemented(`The embedded adapter does not know the option ${option} of a batch's entry.`);
    }
    if (!/^[\w-]{1,80}$/.test(entry.Id ?? "")) {
      throw sqsError("InvalidBatchEntryId", "A batch entry id has 1 to 80 letters, digits, hyphens and underscores.");
    }
    ids.add(entry.Id ?? "");
  }
  if (ids.size < entries.length) throw sqsError("BatchEntryIdsNotDistinct", "Two entries have the same Id.");
  return entries;
}

/** Only the caller's own mistakes fail an entry; trouble with the disk fails the whole batch, and nothing of it is done. */
function each<Entry extends { Id: string | undefined }>(
  entries: readonly Entry[],
  step: (entry: Entry) => object | void,
) {
  const Successful: object[] = [];
  const Failed: Sqs.BatchResultErrorEntry[] = [];
  for (const entry of entries) {
    try {
      Successful.push({ Id: entry.Id, ...step(entry) });
    } catch (error) {
      if (!(error instanceof SQSServiceException)) throw error;
      Failed.push({ Id: entry.Id, SenderFault: true, Code: error.name, Message: error.message });
    }
  }
  return { Successful, Failed };
}
