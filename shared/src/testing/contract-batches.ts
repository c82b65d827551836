/** What the services rely on in SQS's batches. The same cases run on the embedded queues and on LocalStack. */
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  SendMessageBatchCommand,
} from "@aws-sdk/client-sqs";
import type { SendMessageBatchRequestEntry } from "@aws-sdk/client-sqs";
import { describe, expect, it } from "vitest";
import { countsOf, newQueue, receive, refusalOf, sendText } from "./contract-clients.ts";
import type { OpenClients } from "./contract-clients.ts";

/** Registers the cases about batches. */
export function batchContract(open: OpenClients): void {
  describe("batches that are sent", () => sending(open));
  describe("batches that settle", () => settling(open));
}

function sending(open: OpenClients): void {
  it("send ten messages at once", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    const Entries = Array.from({ length: 10 }, (_, index) => ({ Id: `entry_${index}`, MessageBody: `body ${index}` }));

    const sent = await clients.sqs.send(new SendMessageBatchCommand({ QueueUrl: queue, Entries }));

    expect(sent.Successful?.map(({ Id }) => Id)).toEqual(Entries.map(({ Id }) => Id));
    expect(sent.Failed).toBeUndefined();
    const messages = await receive(clients, queue, { MaxNumberOfMessages: 10 });
    expect(messages.map(({ Body = "" }) => Body).toSorted()).toEqual(Entries.map(({ MessageBody }) => MessageBody));
  });

  it("send the good entries and name the bad ones", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    const MessageAttributes = { b: { DataType: "Text", StringValue: "v" } };
    const Entries = [
      { Id: "good", MessageBody: "a" },
      { Id: "control", MessageBody: "a\u0001" },
      { Id: "attribute", MessageBody: "a", MessageAttributes },
      { Id: "delayed", MessageBody: "d", DelaySeconds: 900 },
    ];

    const sent = await clients.sqs.send(new SendMessageBatchCommand({ QueueUrl: queue, Entries }));

    expect(sent.Successful?.map(({ Id }) => Id)).toEqual(["good", "delayed"]);
    expect(sent.Failed?.map(({ Id }) => Id)).toEqual(["control", "attribute"]);
    expect(sent.Failed?.[0]).toMatchObject({ Code: "InvalidMessageContents", Message: expect.any(String) });
    expect(await countsOf(clients, queue)).toEqual({ visible: 1, inFlight: 0, delayed: 1 });
  });

  it.each<[string, SendMessageBatchRequestEntry[], string]>([
    ["nothing", [], "EmptyBatchRequest"],
    [
      "eleven",
      Array.from({ length: 11 }, (_, index) => ({ Id: `${index}`, MessageBody: "a" })),
      "TooManyEntriesInBatchRequest",
    ],
    ["one Id twice", ["same", "same"].map((Id) => ({ Id, MessageBody: "a" })), "BatchEntryIdsNotDistinct"],
    ["an Id with a blank", [{ Id: "a b", MessageBody: "a" }], "InvalidBatchEntryId"],
    ["over 1 MiB together", ["a", "b"].map((Id) => ({ Id, MessageBody: "x".repeat(600_000) })), "BatchRequestTooLong"],
  ])("are refused as a whole with %s", async (_, Entries, name) => {
    const clients = open();
    const queue = await newQueue(clients);

    const request = clients.sqs.send(new SendMessageBatchCommand({ QueueUrl: queue, Entries }));

    expect(await refusalOf(request)).toEqual({ name, status: 400 });
    expect((await countsOf(clients, queue)).visible).toBe(0);
  });
}

function settling(open: OpenClients): void {
  it("delete what they can and name the rest", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    await sendText(clients, queue, "one");
    await sendText(clients, queue, "two");
    const held = await receive(clients, queue, { MaxNumberOfMessages: 10 });
    const Entries = [
      ...held.map(({ ReceiptHandle }, index) => ({ Id: `held${index}`, ReceiptHandle })),
      { Id: "nonsense", ReceiptHandle: "nonsense" },
    ];

    const first = await clients.sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queue, Entries }));
    const again = await clients.sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queue, Entries }));

    for (const answer of [first, again]) {
      expect(answer.Successful?.map(({ Id }) => Id)).toEqual(held.map((_, index) => `held${index}`));
      expect(answer.Failed).toMatchObject([{ Id: "nonsense", Code: "ReceiptHandleIsInvalid" }]);
    }
    expect(await countsOf(clients, queue)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  it("change the visibility of what they can and name the rest", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    await sendText(clients, queue, "one");
    const [held] = await receive(clients, queue);
    const Entries = [
      { Id: "held", ReceiptHandle: held?.ReceiptHandle, VisibilityTimeout: 0 },
      { Id: "nonsense", ReceiptHandle: "nonsense", VisibilityTimeout: 0 },
    ];

    const answer = await clients.sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queue, Entries }));

    expect(answer.Successful?.map(({ Id }) => Id)).toEqual(["held"]);
    expect(answer.Failed).toMatchObject([{ Id: "nonsense", Code: "ReceiptHandleIsInvalid" }]);
    expect(await receive(clients, queue)).toHaveLength(1);
  });
}
