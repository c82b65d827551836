/** How messages are hidden, given back, parked, settled and waited for. The same cases run on the embedded queues and on LocalStack. */
import { ChangeMessageVisibilityCommand, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import type { Message } from "@aws-sdk/client-sqs";
import { describe, expect, it } from "vitest";
import {
  acknowledge,
  attributesOf,
  countsOf,
  newQueue,
  newQueueWithDeadLetters,
  receive,
  receiveOne,
  refusalOf,
  refusalsOf,
  sendText,
} from "./contract-clients.ts";
import type { ContractClients, OpenClients } from "./contract-clients.ts";

/** Registers the cases about a message's life between its first receive and its end. */
export function visibilityContract(open: OpenClients): void {
  describe("visibility", () => visibility(open));
  describe("dead letters", () => deadLetters(open));
  describe("receipts", () => receipts(open));
  describe("long polls", () => longPolls(open));
}

function visibility(open: OpenClients): void {
  it("hides a message in hand and brings it back when its time is over", async () => {
    const clients = open();
    const queue = await newQueue(clients, { VisibilityTimeout: "1" });
    await sendText(clients, queue, "x");

    const first = await receiveOne(clients, queue);
    const hidden = await receive(clients, queue, { WaitTimeSeconds: 0 });
    const second = await receiveOne(clients, queue);

    expect(hidden).toEqual([]);
    expect(second.MessageId).toBe(first.MessageId);
    expect(second.ReceiptHandle).not.toBe(first.ReceiptHandle);
    expect(second.Attributes).toEqual({ ...first.Attributes, ApproximateReceiveCount: "2" });
    expect(first.Attributes?.ApproximateReceiveCount).toBe("1");
  });

  it("leaves a message visible that was received for no time", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    await sendText(clients, queue, "x");

    const counts = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const { Attributes } = await receiveOne(clients, queue, { VisibilityTimeout: 0 });
      counts.push(Attributes?.ApproximateReceiveCount);
    }

    expect(counts).toEqual(["1", "2", "3"]);
  });

  it("gives a message back at once when its visibility is set to 0", async () => {
    const clients = open();
    const queue = await newQueue(clients, { VisibilityTimeout: "600" });
    await sendText(clients, queue, "x");

    await hide(clients, queue, await receiveOne(clients, queue), 0);

    expect((await receiveOne(clients, queue)).Attributes?.ApproximateReceiveCount).toBe("2");
  });

  it("keeps a message longer when its visibility is raised in time", async () => {
    const clients = open();
    const queue = await newQueue(clients, { VisibilityTimeout: "1" });
    await sendText(clients, queue, "x");

    await hide(clients, queue, await receiveOne(clients, queue), 600);

    expect(await receive(clients, queue, { WaitTimeSeconds: 3 })).toEqual([]);
    expect(await countsOf(clients, queue)).toEqual({ visible: 0, inFlight: 1, delayed: 0 });
  });

  it("holds a message back for its delay, or its queue's", async () => {
    const clients = open();
    const plain = await newQueue(clients);
    const slow = await newQueue(clients, { DelaySeconds: "600" });

    await clients.sqs.send(new SendMessageCommand({ QueueUrl: plain, MessageBody: "soon", DelaySeconds: 2 }));
    await clients.sqs.send(new SendMessageCommand({ QueueUrl: slow, MessageBody: "late" }));
    await clients.sqs.send(new SendMessageCommand({ QueueUrl: slow, MessageBody: "now", DelaySeconds: 0 }));

    expect(await countsOf(clients, plain)).toEqual({ visible: 0, inFlight: 0, delayed: 1 });
    expect(await countsOf(clients, slow)).toEqual({ visible: 1, inFlight: 0, delayed: 1 });
    expect(await receive(clients, plain, { WaitTimeSeconds: 0 })).toEqual([]);
    expect((await receiveOne(clients, plain, { WaitTimeSeconds: 10 })).Body).toBe("soon");
  });
}

function deadLetters(open: OpenClients): void {
  it("parks a message after its last receive, as it was, and says where it came from", async () => {
    const clients = open();
    const { queue, deadLetters: parked } = await newQueueWithDeadLetters(clients, 2);
    const MessageAttributes = { reason: { DataType: "String", StringValue: "why" } };
    await clients.sqs.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: "poison", MessageAttributes }));

    const first = await receiveOne(clients, queue, { VisibilityTimeout: 0 });
    await receiveOne(clients, queue, { VisibilityTimeout: 0 });
    expect(await receive(clients, queue, { WaitTimeSeconds: 1 })).toEqual([]);
    const dead = await receiveOne(clients, parked, { MessageAttributeNames: ["All"] });

    expect(dead).toMatchObject({ MessageId: first.MessageId, Body: "poison", MessageAttributes });
    expect(dead.Attributes?.DeadLetterQueueSourceArn).toBe((await attributesOf(clients, queue))["QueueArn"]);
    expect(dead.Attributes?.SentTimestamp).toBe(first.Attributes?.SentTimestamp);
    expect(dead.Attributes?.ApproximateReceiveCount).toBe("3");
    expect(await countsOf(clients, queue)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  it("gives the good messages out and parks the spent one, in one receive", async () => {
    const clients = open();
    const { queue, deadLetters: parked } = await newQueueWithDeadLetters(clients, 1);
    await sendText(clients, queue, "spent");
    await receiveOne(clients, queue, { VisibilityTimeout: 0 });
    await sendText(clients, queue, "good");

    const messages = await receive(clients, queue, { MaxNumberOfMessages: 10 });

    expect(messages.map(({ Body }) => Body)).toEqual(["good"]);
    expect((await receiveOne(clients, parked)).Body).toBe("spent");
  });

  it("does not count a message that was deleted in time", async () => {
    const clients = open();
    const { queue, deadLetters: parked } = await newQueueWithDeadLetters(clients, 1);
    await sendText(clients, queue, "good");

    await acknowledge(clients, queue, await receiveOne(clients, queue));

    expect(await receive(clients, queue, { WaitTimeSeconds: 0 })).toEqual([]);
    expect(await countsOf(clients, parked)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });
}

function receipts(open: OpenClients): void {
  it("lets an old receipt delete a message that another holds now", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    await sendText(clients, queue, "x");
    const old = await receiveOne(clients, queue, { VisibilityTimeout: 0 });
    await receiveOne(clients, queue);

    await acknowledge(clients, queue, old);

    expect(await countsOf(clients, queue)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  it("lets a receipt delete a message whose time is over and that nobody holds", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    await sendText(clients, queue, "x");

    await acknowledge(clients, queue, await receiveOne(clients, queue, { VisibilityTimeout: 0 }));

    expect(await receive(clients, queue, { WaitTimeSeconds: 1 })).toEqual([]);
  });

  it("takes a second delete, but no change of what is deleted", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    await sendText(clients, queue, "x");
    const message = await receiveOne(clients, queue);

    await acknowledge(clients, queue, message);
    await acknowledge(clients, queue, message);

    expect(await refusalOf(hide(clients, queue, message, 10))).toEqual({ name: "InvalidParameterValue", status: 400 });
  });

  it("changes nothing of a message that nobody holds", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    await sendText(clients, queue, "x");

    await hide(clients, queue, await receiveOne(clients, queue, { VisibilityTimeout: 0 }), 600);

    expect((await receiveOne(clients, queue)).Body).toBe("x");
  });

  it("refuses what is no receipt, and another queue's", async () => {
    const clients = open();
    const [queue, other] = [await newQueue(clients), await newQueue(clients)];
    await sendText(clients, other, "x");
    const foreign = await receiveOne(clients, other);

    const refused = await refusalsOf(
      [foreign, { ReceiptHandle: "nonsense" }].flatMap((message) => [
        acknowledge(clients, queue, message),
        hide(clients, queue, message, 1),
      ]),
    );

    for (const refusal of refused) expect(refusal).toEqual({ name: "ReceiptHandleIsInvalid", status: 400 });
  });
}

function longPolls(open: OpenClients): void {
  it("answer as soon as a message is sent", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    const startedAt = performance.now();

    const waiting = receive(clients, queue, { WaitTimeSeconds: 20 });
    await sendText(clients, queue, "x");

    expect((await waiting).map(({ Body }) => Body)).toEqual(["x"]);
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  it("answer with nothing when their time is over, the queue's own where none was asked for", async () => {
    const clients = open();
    const queue = await newQueue(clients, { ReceiveMessageWaitTimeSeconds: "1" });
    const startedAt = performance.now();

    const answer = await clients.sqs.send(new ReceiveMessageCommand({ QueueUrl: queue }));

    expect(answer.Messages).toBeUndefined();
    expect(performance.now() - startedAt).toBeGreaterThan(900);
    expect(performance.now() - startedAt).toBeLessThan(8000);
  });

  it("end at once when they are given up", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    const startedAt = performance.now();
    const request = new ReceiveMessageCommand({ QueueUrl: queue, WaitTimeSeconds: 20 });

    const refused = await refusalsOf([
      clients.sqs.send(request, { abortSignal: AbortSignal.timeout(100) }),
      clients.sqs.send(request, { abortSignal: AbortSignal.abort() }),
    ]);

    expect(refused.map(({ name }) => name)).toEqual(["AbortError", "AbortError"]);
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });
}

async function hide(
  { sqs }: ContractClients,
  queue: string,
  { ReceiptHandle }: Message,
  seconds: number,
): Promise<void> {
  await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl: queue, ReceiptHandle, VisibilityTimeout: seconds }));
}
