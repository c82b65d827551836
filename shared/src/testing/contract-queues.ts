/** What the services rely on in SQS's queues. The same cases run on the embedded queues and on LocalStack. */
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  PurgeQueueCommand,
  QueueDoesNotExist,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
} from "@aws-sdk/client-sqs";
import type { CreateQueueCommandInput, Message, QueueAttributeName } from "@aws-sdk/client-sqs";
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
  uniqueName,
} from "./contract-clients.ts";
import type { ContractClients, OpenClients } from "./contract-clients.ts";

/** Registers the cases about queues and single messages. */
export function queueContract(open: OpenClients): void {
  describe("sending and receiving", () => sendingAndReceiving(open));
  describe("visibility", () => visibility(open));
  describe("dead letters", () => deadLetters(open));
  describe("receipts", () => receipts(open));
  describe("long polls", () => longPolls(open));
  describe("queues", () => queues(open));
}

function sendingAndReceiving(open: OpenClients): void {
  it("hands out what was sent, with its id and MD5, until it is deleted", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    const body = "Grüße, 世界 📈 \t\r\n{}";

    const sent = await clients.sqs.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: body }));
    const message = await receiveOne(clients, queue);
    await acknowledge(clients, queue, message);

    expect(message).toMatchObject({ MessageId: sent.MessageId, Body: body, MD5OfBody: sent.MD5OfMessageBody });
    expect(sent.MD5OfMessageBody).toMatch(/^[0-9a-f]{32}$/);
    expect(await countsOf(clients, queue)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  it("gives every message to exactly one of several receivers, in whatever order", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    const bodies = Array.from({ length: 60 }, (_, index) => `message ${index}`);
    await Promise.all(bodies.map(async (body) => sendText(clients, queue, body)));

    const received: string[] = [];
    await Promise.all(
      Array.from({ length: 5 }, async () => {
        for (let polls = 0; polls < 60 && received.length < bodies.length; polls += 1) {
          const messages = await receive(clients, queue, { MaxNumberOfMessages: 10, WaitTimeSeconds: 0 });
          received.push(...messages.map(({ Body = "" }) => Body));
        }
      }),
    );

    expect(received.toSorted()).toEqual(bodies.toSorted());
  });

  it("shows system attributes only where they are asked for", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    const before = Date.now();
    await sendText(clients, queue, "x");
    const request = { QueueUrl: queue, VisibilityTimeout: 0, WaitTimeSeconds: 2 };

    const none = (await clients.sqs.send(new ReceiveMessageCommand(request))).Messages?.[0];
    const one = await receiveOne(clients, queue, {
      VisibilityTimeout: 0,
      MessageSystemAttributeNames: ["SentTimestamp"],
    });
    const older = (await clients.sqs.send(new ReceiveMessageCommand({ ...request, AttributeNames: ["All"] })))
      .Messages?.[0];

    expect(none?.Attributes).toBeUndefined();
    expect(Object.keys(one.Attributes ?? {})).toEqual(["SentTimestamp"]);
    expect(older?.Attributes).toMatchObject({ ApproximateReceiveCount: "3" });
    expect(Math.abs(Number(older?.Attributes?.SentTimestamp) - before)).toBeLessThan(30_000);
    expect(Number(older?.Attributes?.ApproximateFirstReceiveTimestamp)).toBeGreaterThanOrEqual(
      Number(older?.Attributes?.SentTimestamp),
    );
  });

  it("carries message attributes and shows those that are asked for", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    const MessageAttributes = {
      "reason.code": { DataType: "String", StringValue: "grün" },
      "reason.count": { DataType: "Number", StringValue: "12" },
      raw: { DataType: "Binary", BinaryValue: new Uint8Array([0, 1, 255]) },
    };
    const sent = await clients.sqs.send(
      new SendMessageCommand({ QueueUrl: queue, MessageBody: "x", MessageAttributes }),
    );
    const look = (names?: string[]): Promise<Message> =>
      receiveOne(clients, queue, {
        VisibilityTimeout: 0,
        ...(names === undefined ? {} : { MessageAttributeNames: names }),
      });

    const all = await look(["All"]);

    expect(all.MessageAttributes).toMatchObject({
      "reason.code": { DataType: "String", StringValue: "grün" },
      "reason.count": { DataType: "Number", StringValue: "12" },
      raw: { DataType: "Binary" },
    });
    expect(Buffer.from(all.MessageAttributes?.["raw"]?.BinaryValue ?? [])).toEqual(Buffer.from([0, 1, 255]));
    expect(all.MD5OfMessageAttributes).toBe(sent.MD5OfMessageAttributes);
    expect((await look()).MessageAttributes).toBeUndefined();
    expect(Object.keys((await look(["raw"])).MessageAttributes ?? {})).toEqual(["raw"]);
    expect(Object.keys((await look(["reason.*"])).MessageAttributes ?? {}).toSorted()).toEqual([
      "reason.code",
      "reason.count",
    ]);
    expect((await look(["absent"])).MessageAttributes).toBeUndefined();
  });

  it("sums attributes as SQS does", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    const MessageAttributes = {
      b: { DataType: "String", StringValue: "v" },
      a: { DataType: "Binary", BinaryValue: new Uint8Array([1, 2]) },
      n: { DataType: "Number", StringValue: "12" },
    };

    const sent = await clients.sqs.send(
      new SendMessageCommand({ QueueUrl: queue, MessageBody: "a", MessageAttributes }),
    );

    expect(sent.MD5OfMessageBody).toBe("0cc175b9c0f1b6a831c399e269772661");
    expect(sent.MD5OfMessageAttributes).toBe("386117363463d82c07b990263bd7893d");
  });

  it("takes a message of 1 MiB and no longer one, attributes counted", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    const send = (bytes: number, name?: string) =>
      clients.sqs.send(
        new SendMessageCommand({
          QueueUrl: queue,
          MessageBody: "é".repeat(bytes / 2),
          ...(name === undefined ? {} : { MessageAttributes: { [name]: { DataType: "String", StringValue: "v" } } }),
        }),
      );
    const mebibyte = 1_048_576;

    await send(mebibyte);
    const message = await receiveOne(clients, queue);

    expect(message.Body?.length).toBe(mebibyte / 2);
    expect(await refusalOf(send(mebibyte + 2))).toEqual({ name: "InvalidParameterValue", status: 400 });
    expect(await refusalOf(send(mebibyte, "a"))).toEqual({ name: "InvalidParameterValue", status: 400 });
    await send(mebibyte - 8, "a");
  });

  it.each([
    ["an empty body", { MessageBody: "" }, "MissingParameter"],
    ["a control character", { MessageBody: "a\u0001" }, "InvalidMessageContents"],
    [
      "an attribute without a value",
      { MessageBody: "a", MessageAttributes: { b: { DataType: "String", StringValue: "" } } },
      "InvalidParameterValue",
    ],
    [
      "an attribute of no type",
      { MessageBody: "a", MessageAttributes: { b: { DataType: "Text", StringValue: "v" } } },
      "InvalidParameterValue",
    ],
    [
      "a reserved attribute",
      { MessageBody: "a", MessageAttributes: { "AWS.b": { DataType: "String", StringValue: "v" } } },
      "InvalidParameterValue",
    ],
  ])("refuses %s", async (_, input, name) => {
    const clients = open();
    const queue = await newQueue(clients);

    const request = clients.sqs.send(new SendMessageCommand({ QueueUrl: queue, ...input }));

    expect(await refusalOf(request)).toEqual({ name, status: 400 });
  });

  it.each([{ MaxNumberOfMessages: 11 }, { WaitTimeSeconds: 21 }])("refuses to receive with %o", async (options) => {
    const clients = open();
    const queue = await newQueue(clients);

    expect(await refusalOf(receive(clients, queue, options))).toEqual({ name: "InvalidParameterValue", status: 400 });
  });
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

function queues(open: OpenClients): void {
  it("are found by name, and not found by another", async () => {
    const { sqs } = open();
    const QueueName = uniqueName("contract");
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName }));

    expect((await sqs.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl).toBe(QueueUrl);
    const request = sqs.send(new GetQueueUrlCommand({ QueueName: `${QueueName}-not` }));
    await expect(request).rejects.toBeInstanceOf(QueueDoesNotExist);
  });

  it("refuse every request to one that is not there", async () => {
    const clients = open();
    const QueueUrl = `${await newQueue(clients)}-not`;

    const refused = await refusalsOf([
      sendText(clients, QueueUrl, "x"),
      receive(clients, QueueUrl),
      acknowledge(clients, QueueUrl, { ReceiptHandle: "x" }),
      attributesOf(clients, QueueUrl),
      clients.sqs.send(new PurgeQueueCommand({ QueueUrl })),
    ]);

    for (const refusal of refused) expect(refusal).toEqual({ name: "QueueDoesNotExist", status: 400 });
  });

  it("can be created again with the same settings only", async () => {
    const { sqs } = open();
    const QueueName = uniqueName("contract");
    const create = (seconds: string) =>
      sqs.send(new CreateQueueCommand({ QueueName, Attributes: { VisibilityTimeout: seconds } }));

    const first = await create("7");
    const again = await create("7");

    expect(again.QueueUrl).toBe(first.QueueUrl);
    expect((await sqs.send(new CreateQueueCommand({ QueueName }))).QueueUrl).toBe(first.QueueUrl);
    expect(await refusalOf(create("8"))).toEqual({ name: "QueueNameExists", status: 400 });
  });

  it.each<[string, CreateQueueCommandInput, string]>([
    ["a name with a blank", { QueueName: "no name" }, "InvalidParameterValue"],
    [
      "an unknown attribute",
      { QueueName: "unknown", Attributes: { ["Colour" as QueueAttributeName]: "red" } },
      "InvalidAttributeName",
    ],
  ])("refuse %s", async (_, input, name) => {
    expect(await refusalOf(open().sqs.send(new CreateQueueCommand(input)))).toEqual({ name, status: 400 });
  });

  it("tell their settings and counts", async () => {
    const clients = open();
    const queue = await newQueue(clients, { MessageRetentionPeriod: "1209600" });
    for (const body of ["held", "waiting", "waiting too"]) await sendText(clients, queue, body);
    await receiveOne(clients, queue);

    const all = await attributesOf(clients, queue);
    const none = await clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl: queue }));

    expect(all).toMatchObject({
      VisibilityTimeout: "30",
      ReceiveMessageWaitTimeSeconds: "0",
      MessageRetentionPeriod: "1209600",
      DelaySeconds: "0",
      MaximumMessageSize: "1048576",
      QueueArn: expect.stringMatching(/^arn:aws:sqs:us-east-1:000000000000:contract-[0-9a-f]+$/),
    });
    expect(all["CreatedTimestamp"]).toMatch(/^\d{10}$/);
    expect(await countsOf(clients, queue)).toEqual({ visible: 2, inFlight: 1, delayed: 0 });
    expect(none.Attributes).toBeUndefined();
    const unknown = attributesOf(clients, queue, ["Colour" as QueueAttributeName]);
    expect(await refusalOf(unknown)).toEqual({ name: "InvalidAttributeName", status: 400 });
  });

  it("take new settings, and drop a redrive policy", async () => {
    const clients = open();
    const { queue } = await newQueueWithDeadLetters(clients, 3);
    const set = (Attributes: Record<string, string>) =>
      clients.sqs.send(new SetQueueAttributesCommand({ QueueUrl: queue, Attributes }));

    expect(JSON.parse((await attributesOf(clients, queue))["RedrivePolicy"] ?? "")).toMatchObject({
      maxReceiveCount: 3,
    });
    await set({ VisibilityTimeout: "77", RedrivePolicy: "" });

    const attributes = await attributesOf(clients, queue, ["VisibilityTimeout", "RedrivePolicy", "DelaySeconds"]);
    expect(attributes).toEqual({ VisibilityTimeout: "77", DelaySeconds: "0" });
    expect(await refusalOf(set({ Colour: "red" }))).toEqual({ name: "InvalidAttributeName", status: 400 });
  });

  it("are listed by the beginning of their names", async () => {
    const clients = open();
    const start = uniqueName("listed");
    for (const end of ["a", "b"]) await clients.sqs.send(new CreateQueueCommand({ QueueName: `${start}-${end}` }));

    const listed = await clients.sqs.send(new ListQueuesCommand({ QueueNamePrefix: start }));
    const nothing = await clients.sqs.send(new ListQueuesCommand({ QueueNamePrefix: `${start}-c` }));

    expect(listed.QueueUrls?.map((url) => url.slice(url.lastIndexOf("/") + 1)).toSorted()).toEqual([
      `${start}-a`,
      `${start}-b`,
    ]);
    expect(nothing.QueueUrls).toBeUndefined();
  });

  it("lose everything by a purge", async () => {
    const clients = open();
    const queue = await newQueue(clients);
    for (const body of ["held", "waiting"]) await sendText(clients, queue, body);
    await receiveOne(clients, queue);

    await clients.sqs.send(new PurgeQueueCommand({ QueueUrl: queue }));

    expect(await countsOf(clients, queue)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
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
