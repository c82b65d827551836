/** What the services rely on in SQS's queues. The same cases run on the embedded queues and on LocalStack. */
import {
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
import type { OpenClients } from "./contract-clients.ts";

/** Registers the cases about queues, and what is sent and received as it is. */
export function queueContract(open: OpenClients): void {
  describe("sending and receiving", () => sendingAndReceiving(open));
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
