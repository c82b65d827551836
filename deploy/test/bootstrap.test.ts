import {
  DeleteObjectCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketVersioningCommand,
  HeadBucketCommand,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";
import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SQSClient,
  SendMessageCommand,
  SetQueueAttributesCommand,
} from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Topology, topologyOf } from "@airlake/shared/contracts/topology";
import { readS3Event } from "@airlake/shared/contracts/s3-event";
import { createLogger } from "@airlake/shared/logger";
import { type Emulator, containerReason, localStackImage, startLocalStack } from "@airlake/shared/testing/containers";

import { bootstrap } from "../src/bootstrap.ts";

const reason = containerReason(localStackImage);
let emulator: Emulator;
let s3: S3Client;
let sqs: SQSClient;
let sns: SNSClient;
let lakes = 0;

/** A lake of its own for each test, and what was logged about it. */
async function newLake() {
  lakes += 1;
  const topology = topologyOf(`lake${lakes}`);
  const lines: Record<string, unknown>[] = [];
  const sink = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const log = createLogger("bootstrap", { level: "info", version: "test", sink });
  const run = async () => bootstrap({ s3, sqs, sns, log }, topology);
  return { topology, lines, run, steps: await run() };
}

async function urlOf(name: string): Promise<string> {
  return (await sqs.send(new GetQueueUrlCommand({ QueueName: name }))).QueueUrl ?? "";
}

async function attributesOf(name: string): Promise<Readonly<Record<string, string>>> {
  const asked = new GetQueueAttributesCommand({ QueueUrl: await urlOf(name), AttributeNames: ["All"] });
  return { ...(await sqs.send(asked)).Attributes };
}

async function receive(name: string): Promise<readonly unknown[]> {
  const asked = new ReceiveMessageCommand({ QueueUrl: await urlOf(name), MaxNumberOfMessages: 10, WaitTimeSeconds: 3 });
  return ((await sqs.send(asked)).Messages ?? []).map(({ Body: body }) => JSON.parse(body ?? ""));
}

/** Receives until this many bodies are there, or none comes any more. */
async function drain(name: string, count: number): Promise<readonly unknown[]> {
  const bodies: unknown[] = [];
  for (let more = await receive(name); more.length > 0; more = bodies.length < count ? await receive(name) : []) {
    bodies.push(...more);
  }
  return bodies;
}

describe.skipIf(reason !== undefined)(`the bootstrap${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  beforeAll(async () => {
    emulator = await startLocalStack();
    s3 = new S3Client({ ...emulator.clientConfig, forcePathStyle: true });
    sqs = new SQSClient({ ...emulator.clientConfig, useQueueUrlAsEndpoint: false });
    sns = new SNSClient(emulator.clientConfig);
  }, 200_000);
  afterAll(async () => {
    for (const client of [s3, sqs, sns]) client.destroy();
    await emulator[Symbol.asyncDispose]();
  });

  test("makes every bucket and queue, with the limits of the topology", async () => {
    const { topology, steps } = await newLake();

    expect(steps.every(({ outcome }) => outcome === "created")).toBe(true);
    for (const bucket of Object.values(topology.buckets)) await s3.send(new HeadBucketCommand({ Bucket: bucket }));
    for (const { name, deadLetterName } of Object.values(topology.queues)) {
      const [work, dead] = [await attributesOf(name), await attributesOf(deadLetterName)];
      expect(work).toMatchObject({
        VisibilityTimeout: "120",
        MessageRetentionPeriod: "345600",
        MaximumMessageSize: "1048576",
      });
      expect(JSON.parse(work["RedrivePolicy"] ?? "")).toEqual({
        deadLetterTargetArn: dead["QueueArn"],
        maxReceiveCount: 10,
      });
      expect(dead["MessageRetentionPeriod"]).toBe("1209600");
    }
    expect((await s3.send(new GetBucketVersioningCommand({ Bucket: topology.buckets.raw }))).Status).toBe("Enabled");
  });

  test("changes nothing when it is run twice, and says so", async () => {
    const { run, lines, topology } = await newLake();
    const before = await stateOf(topology);

    const again = await run();

    expect(again.map(({ outcome }) => outcome)).toEqual(again.map(() => "unchanged"));
    expect(lines.at(-1)).toMatchObject({ msg: "all was there already, nothing changed", created: 0, changed: 0 });
    expect(await stateOf(topology)).toEqual(before);
  });

  test("puts right what was changed by hand, and nothing else", async () => {
    const { run, topology } = await newLake();
    const before = await stateOf(topology);
    const QueueUrl = await urlOf(topology.queues.clean.name);
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { VisibilityTimeout: "1", Policy: "" } }));
    const emptied = { Bucket: topology.buckets.raw, NotificationConfiguration: {} };
    await s3.send(new PutBucketNotificationConfigurationCommand(emptied));

    const again = await run();

    expect(again.filter(({ outcome }) => outcome !== "unchanged")).toEqual([
      { what: "queue", name: topology.queues.clean.name, outcome: "changed" },
      { what: "notification", name: topology.buckets.raw, outcome: "created" },
    ]);
    expect(await stateOf(topology)).toEqual(before);
  });

  test("keeps what others want to hear of the bucket", async () => {
    const { run, topology } = await newLake();
    const Bucket = topology.buckets.raw;
    const { QueueArn } = await attributesOf(topology.queues.ingest.name);
    const other = { Id: "other", QueueArn, Events: ["s3:ObjectCreated:Put" as const] };
    const configuration = { QueueConfigurations: [other] };
    await s3.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration: configuration }));

    await run();

    const { QueueConfigurations: found } = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
    expect(found?.map(({ Id }) => Id).toSorted()).toEqual(["every-change", "other"]);
  });

  test("lets the raw bucket alone write to the clean queue, and the topic alone to the ingest queue", async () => {
    const { topology } = await newLake();

    const clean = JSON.parse((await attributesOf(topology.queues.clean.name))["Policy"] ?? "");
    const ingest = JSON.parse((await attributesOf(topology.queues.ingest.name))["Policy"] ?? "");

    const queue = (name: string) => `arn:aws:sqs:us-east-1:000000000000:${name}`;
    expect(clean.Statement).toEqual([
      {
        Sid: "only-s3",
        Effect: "Allow",
        Principal: { Service: "s3.amazonaws.com" },
        Action: "sqs:SendMessage",
        Resource: queue(topology.queues.clean.name),
        Condition: {
          ArnEquals: { "aws:SourceArn": `arn:aws:s3:::${topology.buckets.raw}` },
          StringEquals: { "aws:SourceAccount": "000000000000" },
        },
      },
    ]);
    expect(ingest.Statement).toMatchObject([
      {
        Principal: { Service: "sns.amazonaws.com" },
        Condition: { ArnEquals: { "aws:SourceArn": `arn:aws:sns:us-east-1:000000000000:${topology.ingestTopic}` } },
      },
    ]);
    expect((await attributesOf(topology.queues.join.name))["Policy"]).toBeUndefined();
  });

  test("makes the raw bucket tell the clean queue of what comes, is overwritten, goes and comes back", async () => {
    const { topology } = await newLake();
    const Bucket = topology.buckets.raw;
    const told = topology.queues.clean.name;
    const Key = "some data/a=b.csv";

    await s3.send(new PutObjectCommand({ Bucket, Key, Body: "one" }));
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: "two" }));
    const removed = await s3.send(new DeleteObjectCommand({ Bucket, Key }));
    const VersionId = removed.VersionId ?? "";
    await s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
    const bodies = await drain(told, 5);

    const events = bodies.map((body) => readS3Event(body));
    expect(events.filter((event) => event === "test")).toHaveLength(1);
    expect(events.filter((event) => event !== "test")).toEqual(
      Array.from({ length: 4 }, () => [{ bucket: Bucket, key: Key }]),
    );
    const { QueueConfigurations: wishes } = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
    expect(wishes?.[0]?.Events).toContain("s3:LifecycleExpiration:*");
  });

  test("lets the topic reach the ingest queue with bare messages", async () => {
    const { topology } = await newLake();
    const TopicArn = `arn:aws:sns:us-east-1:000000000000:${topology.ingestTopic}`;

    await sns.send(new PublishCommand({ TopicArn, Message: '{"contract":"anything/1"}' }));

    expect(await drain(topology.queues.ingest.name, 1)).toEqual([{ contract: "anything/1" }]);
  });

  test("makes queues that take a message of a mebibyte", async () => {
    const { topology } = await newLake();
    const MessageBody = JSON.stringify("x".repeat(1_048_574));

    await sqs.send(new SendMessageCommand({ QueueUrl: await urlOf(topology.queues.join.name), MessageBody }));

    expect(await drain(topology.queues.join.name, 1)).toEqual([JSON.parse(MessageBody)]);
  });
});

/** All that the bootstrap decides, as AWS tells it. */
async function stateOf(topology: Topology): Promise<unknown> {
  const names = Object.values(topology.queues).flatMap(({ name, deadLetterName }) => [name, deadLetterName]);
  const queues = await Promise.all(names.map(async (name) => [name, decided(await attributesOf(name))]));
  const Bucket = topology.buckets.raw;
  const { QueueConfigurations } = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
  return { queues, QueueConfigurations };
}

function decided(attributes: Readonly<Record<string, string>>): readonly unknown[] {
  const names = ["VisibilityTimeout", "MessageRetentionPeriod", "MaximumMessageSize", "RedrivePolicy", "Policy"];
  return names.map((name) => attributes[name]);
}
