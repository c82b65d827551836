/** Several processes on one folder, and processes that are killed at the worst moment. */
import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import {
  CreateBucketCommand,
  GetBucketNotificationConfigurationCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutBucketNotificationConfigurationCommand,
} from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  acknowledge,
  arnOf,
  newQueue,
  put,
  receive,
  receiveOne,
  sendText,
  textAt,
} from "../../src/testing/contract-clients.ts";
import type { ContractClients } from "../../src/testing/contract-clients.ts";
import { openEmbedded } from "./open-embedded.ts";
import type { Embedded } from "./open-embedded.ts";
import { runChild } from "./run-child.ts";

let embedded: Embedded;
let clients: ContractClients;
beforeEach(async () => {
  embedded = openEmbedded();
  clients = { s3: embedded.objects, sqs: embedded.queues };
  await clients.s3.send(new CreateBucketCommand({ Bucket: "raw" }));
});
afterEach(() => embedded[Symbol.dispose]());

describe("two processes", () => {
  it("create each key once, whoever comes first", async () => {
    const lines = await race("create", "60");

    const won = lines.flat().filter((line) => line.startsWith("won "));
    expect(won.toSorted()).toEqual(Array.from({ length: 60 }, (_, number) => `won ${number}`).toSorted());
  });

  it("lose no increment of a counter that both raise by compare and swap", async () => {
    await put(clients, { bucket: "raw", key: "counter" }, "0");

    await race("raise", "60");

    expect(await textAt(clients, "raw", "counter")).toBe("120");
  });
});

it("two processes share a queue: each message goes to one of them", async () => {
  const queue = await newQueue(clients);
  const bodies = Array.from({ length: 300 }, (_, index) => `message ${index}`);
  for (const body of bodies) await sendText(clients, queue, body);

  const lines = await race("drain", queue);

  expect(
    lines
      .flat()
      .filter((line) => line !== "ready")
      .toSorted(),
  ).toEqual(bodies.toSorted());
});

describe("a process that is killed when the file has moved and nothing is committed", () => {
  it("has created an object: it is met and told of", async () => {
    const queue = await watch();

    await killAfter(["put", embedded.folder, "new/key.csv", "created"]);

    expect(await textAt(clients, "raw", "new/key.csv")).toBe("created");
    expect(await told(queue)).toEqual(["ObjectCreated:Put new/key.csv"]);
  });

  it("has replaced an object: row, conditions and event follow the file", async () => {
    const queue = await watch();
    const old = await put(clients, { bucket: "raw", key: "key" }, "old", { Metadata: { version: "1" } });
    await told(queue);

    await killAfter(["put", embedded.folder, "key", "replaced"]);
    const stale = put(clients, { bucket: "raw", key: "key" }, "lost", { IfMatch: old });

    await expect(stale).rejects.toMatchObject({ name: "PreconditionFailed" });
    expect(await clients.s3.send(new HeadObjectCommand({ Bucket: "raw", Key: "key" }))).toMatchObject({
      ContentLength: 8,
      Metadata: {},
    });
    expect(await told(queue)).toEqual(["ObjectCreated:Put key"]);
  });

  it("has removed an object: that is told", async () => {
    const queue = await watch();
    await put(clients, { bucket: "raw", key: "a/key" }, "x");
    await told(queue);

    await killAfter(["remove", embedded.folder, "a/key"]);
    const { KeyCount } = await clients.s3.send(new ListObjectsV2Command({ Bucket: "raw" }));

    expect(KeyCount).toBe(0);
    await expect(textAt(clients, "raw", "a/key")).rejects.toBeInstanceOf(NoSuchKey);
    expect(await told(queue)).toEqual(["ObjectRemoved:Delete a/key"]);
  });

  it("has moved a shorter key's file out of the way: both are there", async () => {
    const queue = await watch();
    const etag = await put(clients, { bucket: "raw", key: "a" }, "short");
    await told(queue);

    await killAfter(["put", embedded.folder, "a/b", "long"]);

    expect(await textAt(clients, "raw", "a/b")).toBe("long");
    expect((await clients.s3.send(new HeadObjectCommand({ Bucket: "raw", Key: "a" }))).ETag).toBe(etag);
    expect(await told(queue)).toEqual(["ObjectCreated:Put a/b"]);
  });

  it("can be killed again while it mends", async () => {
    const queue = await watch();

    await killAfter(["put", embedded.folder, "key", "created"]);
    await killAfter(["heal", embedded.folder, "key"]);

    expect(await textAt(clients, "raw", "key")).toBe("created");
    expect(await told(queue)).toEqual(["ObjectCreated:Put key"]);
  });
});

describe("a process that is killed", () => {
  it("in the middle of an upload leaves nothing to be seen, and its leavings are cleared later", async () => {
    const uploads = join(embedded.folder, ".airlake/tmp");

    await killAfter(["upload", embedded.folder]);
    await expect(textAt(clients, "raw", "endless")).rejects.toBeInstanceOf(NoSuchKey);
    const left = readdirSync(uploads);
    for (const name of left) utimesSync(join(uploads, name), 1, 1);
    openEmbedded(undefined, embedded.folder)[Symbol.dispose]();

    expect(left).toHaveLength(1);
    expect(readdirSync(uploads)).toEqual([]);
  });

  it("with a message in hand loses nothing: it comes back when its time is over", async () => {
    const queue = await newQueue(clients);
    await sendText(clients, queue, "x");

    await killAfter(["hold", embedded.folder, queue]);
    const message = await receiveOne(clients, queue, { WaitTimeSeconds: 20 });

    expect(message.Attributes?.ApproximateReceiveCount).toBe("2");
  });
});

it("a body of 300 MiB is streamed, in and out, and never held", async () => {
  const lines = await runChild(["stream", embedded.folder, "300"]).ended();

  const [, read, grew] = /^read (\d+), grew (\d+)$/.exec(lines[0] ?? "") ?? [];
  expect(Number(read)).toBe(300);
  expect(Number(grew)).toBeLessThan(120);
});

/** Two children that begin at the same time; gives what they said. */
async function race(action: string, argument: string): Promise<readonly (readonly string[])[]> {
  const children = [1, 2].map(() => runChild([action, embedded.folder, argument]));
  await Promise.all(children.map(async (child) => child.says("ready")));
  for (const child of children) child.tell("go");
  return Promise.all(children.map(async (child) => child.ended()));
}

/** Kills a child when it has come to its stop. */
async function killAfter(args: readonly string[]): Promise<void> {
  const child = runChild(args);
  await child.says("stopped");
  await child.kill();
}

/** Lets a new queue hear of the bucket. */
async function watch(): Promise<string> {
  const queue = await newQueue(clients);
  const wish = {
    QueueArn: await arnOf(clients, queue),
    Events: ["s3:ObjectCreated:*" as const, "s3:ObjectRemoved:*" as const],
  };
  const NotificationConfiguration = { QueueConfigurations: [wish] };
  await clients.s3.send(new PutBucketNotificationConfigurationCommand({ Bucket: "raw", NotificationConfiguration }));
  await clients.s3.send(new GetBucketNotificationConfigurationCommand({ Bucket: "raw" }));
  await acknowledge(clients, queue, await receiveOne(clients, queue));
  return queue;
}

/** What the queue was told since the last time: event and key. */
async function told(queue: string): Promise<readonly string[]> {
  const events: string[] = [];
  for (;;) {
    const messages = await receive(clients, queue, { MaxNumberOfMessages: 10, WaitTimeSeconds: 0 });
    if (messages.length === 0) return events.toSorted();
    for (const message of messages) {
      const [, name, key] = /"eventName":"([^"]+)".*"key":"([^"]+)"/.exec(message.Body ?? "") ?? [];
      events.push(`${name} ${key}`);
      await acknowledge(clients, queue, message);
    }
  }
}
