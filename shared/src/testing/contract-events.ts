/** What a bucket tells a queue. The same cases run on the embedded objects and queues and on LocalStack. */
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketNotificationConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
} from "@aws-sdk/client-s3";
import type { QueueConfiguration } from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { readS3Event } from "../contracts/s3-event.ts";
import { acknowledge, arnOf, newBucket, newQueue, put, receive, refusalOf } from "./contract-clients.ts";
import type { ContractClients, OpenClients } from "./contract-clients.ts";
import { oddKeys } from "./contract-keys.ts";

const recordOf = z.object({
  Records: z.tuple([
    z.object({
      eventSource: z.literal("aws:s3"),
      eventName: z.string(),
      eventTime: z.iso.datetime(),
      awsRegion: z.string(),
      s3: z.object({
        bucket: z.object({ name: z.string(), arn: z.string() }),
        object: z.object({ key: z.string(), size: z.number().optional(), eTag: z.string().optional() }),
      }),
    }),
  ]),
});

/** Registers the cases about notifications. */
export function eventContract(open: OpenClients): void {
  describe("notifications", () => {
    describe("what they say", () => contents(open));
    describe("whom they are sent to", () => subscriptions(open));
  });
}

function contents(open: OpenClients): void {
  it("begin with a test event, then tell what was created and what was removed", async () => {
    const clients = open();
    const { bucket, queue } = await watchedBucket(clients, {}, "keep the test event");

    const etag = await put(clients, { bucket, key: "data/one file.csv" }, "four");
    await clients.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: "data/one file.csv" }));
    const told = await drain(clients, queue, 3);

    const named = (event: string) => told.find((body) => JSON.stringify(body).includes(event));
    expect(named("s3:TestEvent")).toMatchObject({ Service: "Amazon S3", Event: "s3:TestEvent", Bucket: bucket });
    const created = recordOf.parse(named("ObjectCreated:Put")).Records[0];
    const removed = recordOf.parse(named("ObjectRemoved:Delete")).Records[0];
    expect(created.s3.object).toMatchObject({ size: 4, eTag: etag.replaceAll('"', "") });
    expect(created.s3.bucket).toEqual(expect.objectContaining({ name: bucket, arn: `arn:aws:s3:::${bucket}` }));
    expect(removed.s3.object).not.toHaveProperty("size");
    expect(removed.s3.object).not.toHaveProperty("eTag");
    expect(Math.abs(Date.parse(created.eventTime) - Date.now())).toBeLessThan(60_000);
  });

  it("name every key so that it can be read back", async () => {
    const clients = open();
    const { bucket, queue } = await watchedBucket(clients);

    for (const key of oddKeys) await put(clients, { bucket, key }, "x");
    const told = await drain(clients, queue, oddKeys.length);

    expect(new Set(told.flatMap(keysTold))).toEqual(new Set(oddKeys));
  });

  it("write = as %3D and keep the slash", async () => {
    const clients = open();
    const { bucket, queue } = await watchedBucket(clients);

    await put(clients, { bucket, key: "country=BE/x" }, "x");

    const [body] = await drain(clients, queue, 1);
    expect(recordOf.parse(body).Records[0].s3.object.key).toBe("country%3DBE/x");
  });

  it("come again for each overwriting, with the new ETag", async () => {
    const clients = open();
    const { bucket, queue } = await watchedBucket(clients);

    const first = await put(clients, { bucket, key: "twice" }, "one");
    const second = await put(clients, { bucket, key: "twice" }, "two");
    const told = await drain(clients, queue, 2);

    const etags = told.map((body) => recordOf.parse(body).Records[0].s3.object.eTag);
    expect(new Set(etags)).toEqual(new Set([first, second].map((etag) => etag.replaceAll('"', ""))));
  });

  it("come for each of many removed at once", async () => {
    const clients = open();
    const { bucket, queue } = await watchedBucket(clients, { Events: ["s3:ObjectRemoved:*"] });
    for (const key of ["one", "two", "three"]) await put(clients, { bucket, key }, "x");

    const Objects = ["one", "two"].map((Key) => ({ Key }));
    await clients.s3.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
    await clients.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: "three" }));

    const told = await drain(clients, queue, 3);
    expect(new Set(told.flatMap(keysTold))).toEqual(new Set(["one", "two", "three"]));
  });

  it("do not come for a refused write, nor for removing what is not there", async () => {
    const clients = open();
    const { bucket, queue } = await watchedBucket(clients);
    await put(clients, { bucket, key: "kept" }, "x");

    await refusalOf(put(clients, { bucket, key: "kept" }, "y", { IfNoneMatch: "*" }));
    await refusalOf(put(clients, { bucket, key: "absent" }, "y", { IfMatch: '"x"' }));
    await clients.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: "absent" }));
    await put(clients, { bucket, key: "last" }, "x");

    const told = await drain(clients, queue, 2);
    expect(told.flatMap(keysTold).toSorted()).toEqual(["kept", "last"]);
    expect(await receive(clients, queue, { WaitTimeSeconds: 1 })).toEqual([]);
  });
}

function subscriptions(open: OpenClients): void {
  it("keep to the kinds, the prefix and the suffix that were asked for", async () => {
    const clients = open();
    const FilterRules = [
      { Name: "prefix" as const, Value: "in/" },
      { Name: "suffix" as const, Value: ".csv" },
    ];
    const wish = { Events: ["s3:ObjectCreated:Put" as const], Filter: { Key: { FilterRules } } };
    const { bucket, queue } = await watchedBucket(clients, wish);

    for (const key of ["out/a.csv", "in/a.json", "in/a.csv"]) await put(clients, { bucket, key }, "x");
    await clients.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: "in/a.csv" }));
    await put(clients, { bucket, key: "in/b.csv" }, "x");

    const told = await drain(clients, queue, 2);
    expect(told.flatMap(keysTold).toSorted()).toEqual(["in/a.csv", "in/b.csv"]);
    expect(await receive(clients, queue, { WaitTimeSeconds: 1 })).toEqual([]);
  });

  it("can be read back, and end when they are taken away", async () => {
    const clients = open();
    const { bucket, queue, arn } = await watchedBucket(clients);

    const before = await clients.s3.send(new GetBucketNotificationConfigurationCommand({ Bucket: bucket }));
    await clients.s3.send(
      new PutBucketNotificationConfigurationCommand({ Bucket: bucket, NotificationConfiguration: {} }),
    );
    const after = await clients.s3.send(new GetBucketNotificationConfigurationCommand({ Bucket: bucket }));
    await put(clients, { bucket, key: "unheard" }, "x");

    expect(before.QueueConfigurations).toMatchObject([
      { QueueArn: arn, Events: ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"] },
    ]);
    expect(after.QueueConfigurations).toBeUndefined();
    expect(await receive(clients, queue, { WaitTimeSeconds: 1 })).toEqual([]);
  });

  it("are refused for a queue that is not there", async () => {
    const clients = open();
    const bucket = await newBucket(clients);
    const QueueArn = "arn:aws:sqs:us-east-1:000000000000:no-such-queue";

    const request = clients.s3.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket: bucket,
        NotificationConfiguration: { QueueConfigurations: [{ QueueArn, Events: ["s3:ObjectCreated:*"] }] },
      }),
    );

    expect(await refusalOf(request)).toEqual({ name: "InvalidArgument", status: 400 });
  });
}

/** A bucket whose events go to a queue; the test event is taken away unless it is wanted. */
async function watchedBucket(
  clients: ContractClients,
  wish: Partial<QueueConfiguration> = {},
  testEvent: "take away" | "keep the test event" = "take away",
) {
  const bucket = await newBucket(clients);
  const queue = await newQueue(clients);
  const arn = await arnOf(clients, queue);
  const configuration = {
    QueueArn: arn,
    Events: ["s3:ObjectCreated:*" as const, "s3:ObjectRemoved:*" as const],
    ...wish,
  };
  await clients.s3.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket: bucket,
      NotificationConfiguration: { QueueConfigurations: [configuration] },
    }),
  );
  if (testEvent === "take away") await drain(clients, queue, 1);
  return { bucket, queue, arn };
}

/** Receives and acknowledges until there are `count` messages; gives their bodies. Fails by running out of patience. */
async function drain(clients: ContractClients, queue: string, count: number): Promise<readonly unknown[]> {
  const bodies: unknown[] = [];
  for (let polls = 0; bodies.length < count && polls < count + 5; polls += 1) {
    const messages = await receive(clients, queue, { MaxNumberOfMessages: Math.min(10, count - bodies.length) });
    for (const message of messages) {
      bodies.push(JSON.parse(message.Body ?? ""));
      await acknowledge(clients, queue, message);
    }
  }
  expect(bodies).toHaveLength(count);
  return bodies;
}

function keysTold(body: unknown): readonly string[] {
  const sources = readS3Event(body);
  return sources === undefined || sources === "test" ? [] : sources.map(({ key }) => key);
}
