/** What only the embedded objects have: files that people and crashes can change behind their back. */
import {
  createReadStream,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { CreateQueueCommand } from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { readS3Event } from "../../src/contracts/s3-event.ts";
import { saveBody } from "../../src/object-store.ts";
import { acknowledge, put, receive, refusalOf, textAt } from "../../src/testing/contract-clients.ts";
import type { ContractClients } from "../../src/testing/contract-clients.ts";
import { openEmbedded } from "./open-embedded.ts";
import type { Embedded } from "./open-embedded.ts";

let embedded: Embedded;
let clients: ContractClients;
let queue: string;
beforeEach(async () => {
  embedded = openEmbedded();
  clients = { s3: embedded.objects, sqs: embedded.queues };
  queue = await watch(clients);
});
afterEach(() => embedded[Symbol.dispose]());

describe("the folder", () => {
  it("holds ordinary objects as plain files under their keys", async () => {
    await put(clients, { bucket: "raw", key: "openaq/2018/02/day 1.csv" }, "id,value\n");

    expect(readFileSync(join(embedded.folder, "raw/openaq/2018/02/day 1.csv"), "utf8")).toBe("id,value\n");
  });

  it("saves a body by a link to the object's file, and by a copy where that is another one by now", async () => {
    await put(clients, { bucket: "raw", key: "same" }, "first");
    await put(clients, { bucket: "raw", key: "replaced" }, "first");
    const get = async (Key: string) => clients.s3.send(new GetObjectCommand({ Bucket: "raw", Key }));
    const [same, replaced] = [await get("same"), await get("replaced")];
    await put(clients, { bucket: "raw", key: "replaced" }, "second");
    const saved = (name: string): string => join(embedded.folder, name);
    const options = { where: "raw", signal: new AbortController().signal };

    await saveBody(same, saved("a"), options);
    await saveBody(replaced, saved("b"), options);

    expect(statSync(saved("a")).ino).toBe(statSync(join(embedded.folder, "raw/same")).ino);
    expect(readFileSync(saved("b"), "utf8")).toBe("first");
  });

  it("takes a whole file of the lake's own scratch folder as it is, and copies every other", async () => {
    const scratch = join(embedded.folder, ".airlake/scratch/cleaner-aB3xYz");
    mkdirSync(scratch, { recursive: true });
    writeFileSync(join(scratch, "part"), "0123456789");
    writeFileSync(join(embedded.folder, "mine"), "0123456789");
    const bodies = {
      whole: createReadStream(join(scratch, "part")),
      tail: createReadStream(join(scratch, "part"), { start: 5 }),
      mine: createReadStream(join(embedded.folder, "mine")),
    };

    for (const [Key, Body] of Object.entries(bodies))
      await clients.s3.send(new PutObjectCommand({ Bucket: "raw", Key, Body }));

    const inodeOf = (path: string): number => statSync(join(embedded.folder, path)).ino;
    expect(inodeOf("raw/whole")).toBe(inodeOf(".airlake/scratch/cleaner-aB3xYz/part"));
    expect(inodeOf("raw/mine")).not.toBe(inodeOf("mine"));
    rmSync(scratch, { recursive: true });
    const texts = Object.keys(bodies).map(async (key) => textAt(clients, "raw", key));
    expect(await Promise.all(texts)).toEqual(["0123456789", "56789", "0123456789"]);
    const head = await clients.s3.send(new HeadObjectCommand({ Bucket: "raw", Key: "whole" }));
    expect(head).toMatchObject({ ETag: '"781e5e245d69b566979b86e28d23f2c7"', ContentLength: 10 });
    expect(readdirSync(join(embedded.folder, ".airlake/tmp"))).toEqual([]);
  });

  it("keeps no empty folder and no unfinished upload", async () => {
    await put(clients, { bucket: "raw", key: "a/b/c" }, "x");
    await put(clients, { bucket: "raw", key: "a/d" }, Readable.from(["y"]));
    await refusalOf(put(clients, { bucket: "raw", key: "a/d" }, "z", { IfNoneMatch: "*" }));
    await clients.s3.send(new DeleteObjectCommand({ Bucket: "raw", Key: "a/b/c" }));

    expect(readdirSync(join(embedded.folder, "raw"), { recursive: true }).map(String).toSorted()).toEqual([
      "a",
      join("a", "d"),
    ]);
    expect(readdirSync(join(embedded.folder, ".airlake/tmp"))).toEqual([]);
  });

  it("keeps nothing of a body that breaks off, or is not as long as was said", async () => {
    const broken = Readable.from(
      (function* produce() {
        yield "half";
        throw new Error("the line went dead");
      })(),
    );

    await expect(put(clients, { bucket: "raw", key: "half" }, broken)).rejects.toThrow("the line went dead");
    const short = refusalOf(put(clients, { bucket: "raw", key: "half" }, Readable.from(["abc"]), { ContentLength: 4 }));

    expect(await short).toEqual({ name: "IncompleteBody", status: 400 });
    await expect(textAt(clients, "raw", "half")).rejects.toBeInstanceOf(NoSuchKey);
    expect(readdirSync(join(embedded.folder, ".airlake/tmp"))).toEqual([]);
  });

  it("is met by several clients at once, each of which sees what the other did", async () => {
    using other = openEmbedded(undefined, embedded.folder);
    const otherClients = { s3: other.objects, sqs: other.queues };

    const etag = await put(clients, { bucket: "raw", key: "shared" }, "one");
    await put(otherClients, { bucket: "raw", key: "shared" }, "two", { IfMatch: etag });

    expect(await textAt(clients, "raw", "shared")).toBe("two");
    expect(await refusalOf(put(clients, { bucket: "raw", key: "shared" }, "three", { IfMatch: etag }))).toEqual({
      name: "PreconditionFailed",
      status: 412,
    });
  });

  it("takes keys of slashes only, and lists on from a key beyond ASCII", async () => {
    const keys = ["/", "///", "日", "本", "語"];
    for (const key of keys) await put(clients, { bucket: "raw", key }, key);

    const first = await clients.s3.send(new ListObjectsV2Command({ Bucket: "raw", MaxKeys: 3 }));
    const token = first.NextContinuationToken;
    const second = await clients.s3.send(new ListObjectsV2Command({ Bucket: "raw", ContinuationToken: token }));

    const listed = [first, second].flatMap((page) => page.Contents ?? []).map(({ Key }) => Key);
    expect(listed).toEqual(keys);
  });
});

describe("a change behind the adapter's back", () => {
  it("is met: a file that appears is an object, and is told of", async () => {
    mkdirSync(join(embedded.folder, "raw/openaq"), { recursive: true });
    writeFileSync(join(embedded.folder, "raw/openaq/copied.csv"), "by hand");

    const { Contents } = await clients.s3.send(new ListObjectsV2Command({ Bucket: "raw" }));

    expect(Contents).toMatchObject([{ Key: "openaq/copied.csv", Size: 7, ETag: '"7d909037a76176adb749eda313187060"' }]);
    expect(await textAt(clients, "raw", "openaq/copied.csv")).toBe("by hand");
    expect(await told()).toEqual(["ObjectCreated:Put openaq/copied.csv"]);
  });

  it("is met: a file with another content is another version, also for conditions", async () => {
    const at = { bucket: "raw", key: "edited" };
    const etag = await put(clients, at, "before", { Metadata: { origin: "x" } });
    await told();
    writeFileSync(join(embedded.folder, "raw/edited"), "afterwards");

    const refusal = await refusalOf(put(clients, at, "lost", { IfMatch: etag }));
    const head = await clients.s3.send(new HeadObjectCommand({ Bucket: "raw", Key: "edited" }));

    expect(refusal).toEqual({ name: "PreconditionFailed", status: 412 });
    expect(head).toMatchObject({ ContentLength: 10, Metadata: {} });
    expect(head.ETag).not.toBe(etag);
    expect(await told()).toEqual(["ObjectCreated:Put edited"]);
  });

  it("is met: a file that is gone is a removed object", async () => {
    for (const key of ["kept", "gone/one", "gone/two"]) await put(clients, { bucket: "raw", key }, "x");
    await told();
    rmSync(join(embedded.folder, "raw/gone"), { recursive: true });

    await expect(textAt(clients, "raw", "gone/one")).rejects.toBeInstanceOf(NoSuchKey);
    const { Contents } = await clients.s3.send(new ListObjectsV2Command({ Bucket: "raw" }));

    expect(Contents?.map(({ Key }) => Key)).toEqual(["kept"]);
    expect(await told()).toEqual(["ObjectRemoved:Delete gone/one", "ObjectRemoved:Delete gone/two"]);
    await put(clients, { bucket: "raw", key: "gone/one" }, "again", { IfNoneMatch: "*" });
  });

  it("changes nothing of the object where only the file's time changed", async () => {
    const etag = await put(clients, { bucket: "raw", key: "touched" }, "x", {
      ContentType: "text/csv",
      Metadata: { a: "b" },
    });
    utimesSync(join(embedded.folder, "raw/touched"), 1000, 1000);

    const head = await clients.s3.send(new HeadObjectCommand({ Bucket: "raw", Key: "touched" }));

    expect(head).toMatchObject({ ETag: etag, ContentType: "text/csv", Metadata: { a: "b" } });
  });

  it("can be the loss of the database: the objects are met again, with their ETags", async () => {
    const etags = [];
    for (const key of ["a", "a/b", "100%", "c//d"]) etags.push(await put(clients, { bucket: "raw", key }, key));
    embedded.objects.destroy();
    embedded.queues.destroy();
    for (const end of ["", "-wal", "-shm"])
      rmSync(join(embedded.folder, `.airlake/embedded.sqlite${end}`), { force: true });

    using again = openEmbedded(undefined, embedded.folder);
    await again.objects.send(new CreateBucketCommand({ Bucket: "raw" }));
    const { Contents = [] } = await again.objects.send(new ListObjectsV2Command({ Bucket: "raw" }));

    expect(Contents.map(({ Key }) => Key)).toEqual(["100%", "a", "a/b", "c//d"]);
    expect(new Set(Contents.map(({ ETag }) => ETag))).toEqual(new Set(etags));
  });

  it("does not reach a reader that has begun", async () => {
    const old = "o".repeat(1 << 20);
    await put(clients, { bucket: "raw", key: "read" }, old);
    const { Body } = await clients.s3.send(new GetObjectCommand({ Bucket: "raw", Key: "read" }));

    await put(clients, { bucket: "raw", key: "read" }, "new");
    await clients.s3.send(new DeleteObjectCommand({ Bucket: "raw", Key: "read" }));

    expect(await Body?.transformToString()).toBe(old);
  });

  it("leaves links, folders and files that no key has alone", async () => {
    mkdirSync(join(embedded.folder, "raw/empty/folder"), { recursive: true });
    writeFileSync(join(embedded.folder, "raw/100%.csv"), "no key has this path");
    await put(clients, { bucket: "raw", key: "real" }, "x");

    const { Contents } = await clients.s3.send(new ListObjectsV2Command({ Bucket: "raw" }));

    expect(Contents?.map(({ Key }) => Key)).toEqual(["real"]);
    expect(statSync(join(embedded.folder, "raw/100%.csv")).isFile()).toBe(true);
    await expect(textAt(clients, "raw", "empty")).rejects.toBeInstanceOf(NoSuchKey);
  });

  it("can be an object's move to another key", async () => {
    await put(clients, { bucket: "raw", key: "before" }, "x");
    await told();
    renameSync(join(embedded.folder, "raw/before"), join(embedded.folder, "raw/after"));

    await clients.s3.send(new ListObjectsV2Command({ Bucket: "raw" }));

    expect(await told()).toEqual(["ObjectCreated:Put after", "ObjectRemoved:Delete before"]);
  });
});

/** A bucket `raw` that tells a queue everything. Gives the queue's URL. */
async function watch({ s3, sqs }: ContractClients): Promise<string> {
  const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: "events" }));
  await s3.send(new CreateBucketCommand({ Bucket: "raw" }));
  const wish = {
    QueueArn: "arn:aws:sqs:us-east-1:000000000000:events",
    Events: ["s3:ObjectCreated:*" as const, "s3:ObjectRemoved:*" as const],
  };
  const NotificationConfiguration = { QueueConfigurations: [wish] };
  await s3.send(new PutBucketNotificationConfigurationCommand({ Bucket: "raw", NotificationConfiguration }));
  return QueueUrl;
}

/** What the queue was told since the last time, sorted. */
async function told(): Promise<readonly string[]> {
  const events: string[] = [];
  for (;;) {
    const messages = await receive(clients, queue, { MaxNumberOfMessages: 10, WaitTimeSeconds: 0 });
    if (messages.length === 0) return events.toSorted();
    for (const message of messages) {
      events.push(...eventsIn(JSON.parse(message.Body ?? "")));
      await acknowledge(clients, queue, message);
    }
  }
}

const named = z.object({ Records: z.array(z.object({ eventName: z.string() })) });

function eventsIn(body: unknown): readonly string[] {
  const sources = readS3Event(body);
  if (sources === undefined || sources === "test") return [];
  return named.parse(body).Records.map(({ eventName }, index) => `${eventName} ${sources[index]?.key}`);
}
