/** What the services rely on in S3's objects. The same cases run on the embedded objects and on LocalStack. */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  NoSuchBucket,
  NoSuchKey,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { newBucket, put, raceOf, refusalOf, refusalsOf, textAt, uniqueName } from "./contract-clients.ts";
import type { ContractClients, ObjectAddress, OpenClients } from "./contract-clients.ts";

/** Registers the cases about single objects. */
export function objectContract(open: OpenClients): void {
  describe("conditional writes", () => conditionalWrites(open));
  describe("what is not there", () => refusals(open));
  describe("reading", () => reading(open));
  describe("bodies", () => bodies(open));
  describe("removing", () => removing(open));
}

function conditionalWrites(open: OpenClients): void {
  it("lets exactly one of many concurrent creations win", async () => {
    const clients = open();
    const at = { bucket: await newBucket(clients), key: "raced" };

    const writers = Array.from({ length: 12 }, async (_, writer) =>
      put(clients, at, `writer ${writer}`, { IfNoneMatch: "*" }),
    );
    const { won, refusals: lost } = await raceOf(writers);

    expect(won).toHaveLength(1);
    for (const { name, status } of lost) {
      expect(["PreconditionFailed 412", "ConditionalRequestConflict 409"]).toContain(`${name} ${status}`);
    }
    expect(await textAt(clients, at.bucket, at.key)).toBe(`writer ${won[0]}`);
  });

  it("lets exactly one of many concurrent replacements of one version win", async () => {
    const clients = open();
    const at = { bucket: await newBucket(clients), key: "raced" };
    const first = await put(clients, at, "first");

    const writers = Array.from({ length: 12 }, async (_, writer) =>
      put(clients, at, `writer ${writer}`, { IfMatch: first }),
    );
    const { won } = await raceOf(writers);

    expect(won).toHaveLength(1);
    expect(await textAt(clients, at.bucket, at.key)).toBe(`writer ${won[0]}`);
  });

  it("loses no increment of a counter that many raise by compare and swap", async () => {
    const clients = open();
    const at = { bucket: await newBucket(clients), key: "counter" };
    await put(clients, at, "0");

    await Promise.all(Array.from({ length: 6 }, async () => raise(clients, at, 5)));

    expect(await textAt(clients, at.bucket, at.key)).toBe("30");
  });

  it("answers 404 NoSuchKey to If-Match on a key that is not there", async () => {
    const clients = open();
    const at = { bucket: await newBucket(clients), key: "absent" };

    const refusal = await refusalOf(put(clients, at, "x", { IfMatch: '"d41d8cd98f00b204e9800998ecf8427e"' }));

    expect(refusal).toEqual({ name: "NoSuchKey", status: 404 });
  });

  it("answers 412 to another version's ETag and leaves the object as it was", async () => {
    const clients = open();
    const at = { bucket: await newBucket(clients), key: "kept" };
    await put(clients, at, "kept");

    const refusal = await refusalOf(put(clients, at, "lost", { IfMatch: '"d41d8cd98f00b204e9800998ecf8427e"' }));

    expect(refusal).toEqual({ name: "PreconditionFailed", status: 412 });
    expect(await textAt(clients, at.bucket, at.key)).toBe("kept");
  });

  it("takes an ETag with or without its quotes", async () => {
    const clients = open();
    const at = { bucket: await newBucket(clients), key: "quoted" };

    const first = await put(clients, at, "one");
    const second = await put(clients, at, "two", { IfMatch: first });
    await put(clients, at, "three", { IfMatch: second.replaceAll('"', "") });

    expect(await textAt(clients, at.bucket, at.key)).toBe("three");
  });

  it("creates again after a removal", async () => {
    const clients = open();
    const at = { bucket: await newBucket(clients), key: "again" };

    await put(clients, at, "first", { IfNoneMatch: "*" });
    await clients.s3.send(new DeleteObjectCommand({ Bucket: at.bucket, Key: at.key }));
    await put(clients, at, "second", { IfNoneMatch: "*" });

    expect(await textAt(clients, at.bucket, at.key)).toBe("second");
  });

  it.each([
    ["both conditions at once", { IfMatch: '"x"', IfNoneMatch: "*" }],
    ["If-None-Match with an ETag", { IfNoneMatch: '"x"' }],
    ["If-Match with a star", { IfMatch: "*" }],
  ])("answers 501 to %s", async (_, condition) => {
    const clients = open();
    const at = { bucket: await newBucket(clients), key: "strange" };

    expect(await refusalOf(put(clients, at, "x", condition))).toEqual({ name: "NotImplemented", status: 501 });
  });
}

/** Raises a number `times` times, by as many compare-and-swap attempts as it takes. */
async function raise(clients: ContractClients, at: ObjectAddress, times: number) {
  for (let raised = 0; raised < times;) {
    const { Body, ETag } = await clients.s3.send(new GetObjectCommand({ Bucket: at.bucket, Key: at.key }));
    const value = Number(await Body?.transformToString());
    const [result] = await Promise.allSettled([put(clients, at, String(value + 1), { IfMatch: ETag })]);
    if (result.status === "fulfilled") raised += 1;
  }
}

function refusals(open: OpenClients): void {
  it("says NoSuchKey, as the SDK's class, for a GET", async () => {
    const clients = open();
    const bucket = await newBucket(clients);

    const get = () => clients.s3.send(new GetObjectCommand({ Bucket: bucket, Key: "absent" }));

    await expect(get()).rejects.toBeInstanceOf(NoSuchKey);
    expect(await refusalOf(get())).toEqual({ name: "NoSuchKey", status: 404 });
  });

  it("says NotFound for a HEAD, of an object and of a bucket", async () => {
    const { s3 } = open();
    const bucket = await newBucket(open());
    const nowhere = uniqueName("absent");

    const refused = await refusalsOf([
      s3.send(new HeadObjectCommand({ Bucket: bucket, Key: "absent" })),
      s3.send(new HeadObjectCommand({ Bucket: nowhere, Key: "absent" })),
      s3.send(new HeadBucketCommand({ Bucket: nowhere })),
    ]);

    for (const refusal of refused) expect(refusal).toEqual({ name: "NotFound", status: 404 });
  });

  it("tells a bucket that is not there from a key that is not there", async () => {
    const { s3 } = open();
    const nowhere = { Bucket: uniqueName("absent"), Key: "absent" };

    await expect(s3.send(new GetObjectCommand(nowhere))).rejects.toBeInstanceOf(NoSuchBucket);
    const refused = await refusalsOf([
      s3.send(new GetObjectCommand(nowhere)),
      s3.send(new PutObjectCommand({ ...nowhere, Body: "x" })),
      s3.send(new DeleteObjectCommand(nowhere)),
      s3.send(new ListObjectsV2Command({ Bucket: nowhere.Bucket })),
    ]);

    for (const refusal of refused) expect(refusal).toEqual({ name: "NoSuchBucket", status: 404 });
  });

  it("refuses a key of more than 1,024 bytes, and finds none", async () => {
    const clients = open();
    const at = { bucket: await newBucket(clients), key: "é".repeat(513) };

    expect(await refusalOf(put(clients, at, "x"))).toEqual({ name: "KeyTooLongError", status: 400 });
    const found = clients.s3.send(new GetObjectCommand({ Bucket: at.bucket, Key: at.key }));
    expect(await refusalOf(found)).toEqual({ name: "NoSuchKey", status: 404 });
  });

  it("refuses a bucket's name that is none, and takes one that exists already", async () => {
    const { s3 } = open();
    const bucket = await newBucket(open());

    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    const refusal = await refusalOf(s3.send(new CreateBucketCommand({ Bucket: "No_Bucket" })));

    expect(refusal).toEqual({ name: "InvalidBucketName", status: 400 });
    await s3.send(new HeadBucketCommand({ Bucket: bucket }));
  });
}

function reading(open: OpenClients): void {
  it("gives what was put: content, type, metadata, length, time and an ETag that is the content's MD5", async () => {
    const clients = open();
    const bucket = await newBucket(clients);
    const options = { ContentType: "text/csv", Metadata: { Origin: "tower 7" } };
    const etag = await put(clients, { bucket, key: "whole" }, "0123456789", options);

    const got = await clients.s3.send(new GetObjectCommand({ Bucket: bucket, Key: "whole" }));
    const head = await clients.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: "whole" }));

    expect(etag).toBe('"781e5e245d69b566979b86e28d23f2c7"');
    for (const answer of [got, head]) {
      expect(answer).toMatchObject({ ETag: etag, ContentLength: 10, ContentType: "text/csv", AcceptRanges: "bytes" });
      expect(answer.Metadata).toEqual({ origin: "tower 7" });
      expect(Math.abs((answer.LastModified?.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
      expect(answer.LastModified?.getMilliseconds()).toBe(0);
    }
    expect(await got.Body?.transformToString()).toBe("0123456789");
  });

  it("replaces content, type and metadata together", async () => {
    const clients = open();
    const at = { bucket: await newBucket(clients), key: "replaced" };
    await put(clients, at, "old content", { ContentType: "text/csv", Metadata: { old: "1" } });

    const etag = await put(clients, at, "new");

    const head = await clients.s3.send(new HeadObjectCommand({ Bucket: at.bucket, Key: at.key }));
    expect(head).toMatchObject({ ETag: etag, ContentLength: 3, ContentType: "application/octet-stream" });
    expect(head.Metadata ?? {}).toEqual({});
  });

  it.each([
    ["bytes=2-4", 206, "234", "bytes 2-4/10"],
    ["bytes=5-", 206, "56789", "bytes 5-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=-30", 206, "0123456789", "bytes 0-9/10"],
    ["bytes=0-100", 206, "0123456789", "bytes 0-9/10"],
    ["bytes=9-9", 206, "9", "bytes 9-9/10"],
    ["bytes=4-2", 200, "0123456789", undefined],
    ["nonsense", 200, "0123456789", undefined],
  ])("answers the range %s with %i and its bytes", async (range, status, text, contentRange) => {
    const clients = open();
    const bucket = await newBucket(clients);
    await put(clients, { bucket, key: "ten" }, "0123456789");

    const got = await clients.s3.send(new GetObjectCommand({ Bucket: bucket, Key: "ten", Range: range }));

    expect(got.$metadata.httpStatusCode).toBe(status);
    expect(got.ContentRange).toBe(contentRange);
    expect(got.ContentLength).toBe(text.length);
    expect(await got.Body?.transformToString()).toBe(text);
  });

  it.each([
    ["bytes=10-", "0123456789"],
    ["bytes=-0", "0123456789"],
    ["bytes=0-", ""],
  ])("answers 416 to the range %s of '%s'", async (range, body) => {
    const clients = open();
    const bucket = await newBucket(clients);
    await put(clients, { bucket, key: "short" }, body, { ContentLength: body.length });

    const refusal = await refusalOf(
      clients.s3.send(new GetObjectCommand({ Bucket: bucket, Key: "short", Range: range })),
    );

    expect(refusal).toEqual({ name: "InvalidRange", status: 416 });
  });

  it("resumes with If-Match and a range, and refuses once the object is another", async () => {
    const clients = open();
    const at = { bucket: await newBucket(clients), key: "resumed" };
    const etag = await put(clients, at, "0123456789");
    const rest = (): GetObjectCommand =>
      new GetObjectCommand({ Bucket: at.bucket, Key: at.key, Range: "bytes=7-", IfMatch: etag });

    const { Body } = await clients.s3.send(rest());
    expect(await Body?.transformToString()).toBe("789");
    await put(clients, at, "another one");

    expect(await refusalOf(clients.s3.send(rest()))).toEqual({ name: "PreconditionFailed", status: 412 });
    const head = new HeadObjectCommand({ Bucket: at.bucket, Key: at.key, IfMatch: etag });
    expect((await refusalOf(clients.s3.send(head))).status).toBe(412);
  });
}

function bodies(open: OpenClients): void {
  it("gives a reader one version whole, also while it is overwritten", async () => {
    const clients = open();
    const at = { bucket: await newBucket(clients), key: "overwritten" };
    const versions = ["a", "b", "c", "d"].map((letter) => letter.repeat(3 << 20));
    await put(clients, at, versions[0] ?? "");

    const writing = (async () => {
      for (const version of versions.slice(1)) await put(clients, at, version);
    })();
    const read: string[] = [];
    for (let turn = 0; turn < 6; turn += 1) read.push((await textAt(clients, at.bucket, at.key)) ?? "");
    await writing;

    expect(read.map((text) => versions.indexOf(text))).not.toContain(-1);
    expect(await textAt(clients, at.bucket, at.key)).toBe(versions[3]);
  });

  it.each([
    ["text", () => "grüße", "grüße"],
    ["bytes", () => new Uint8Array([104, 105]), "hi"],
    ["a stream", () => Readable.from([Buffer.from("one "), Buffer.from("two")]), "one two"],
  ])("takes %s", async (_, body, text) => {
    const clients = open();
    const bucket = await newBucket(clients);

    await put(clients, { bucket, key: "body" }, body(), { ContentLength: Buffer.byteLength(text) });

    expect(await textAt(clients, bucket, "body")).toBe(text);
  });

  it("gives a body as text, as bytes, and as a stream, but only once", async () => {
    const clients = open();
    const bucket = await newBucket(clients);
    await put(clients, { bucket, key: "body" }, "once");
    const get = async () => (await clients.s3.send(new GetObjectCommand({ Bucket: bucket, Key: "body" }))).Body;

    const [first, second, third] = [await get(), await get(), await get()];

    expect(await first?.transformToString()).toBe("once");
    await expect(first?.transformToString()).rejects.toThrow("already been transformed");
    expect(Buffer.from((await second?.transformToByteArray()) ?? [])).toEqual(Buffer.from("once"));
    expect(third).toBeInstanceOf(Readable);
    expect(Buffer.concat(await Readable.from(third as Readable).toArray())).toEqual(Buffer.from("once"));
  });

  it("keeps an empty object", async () => {
    const clients = open();
    const bucket = await newBucket(clients);

    const etag = await put(clients, { bucket, key: "empty" }, "", { ContentLength: 0 });

    expect(etag).toBe('"d41d8cd98f00b204e9800998ecf8427e"');
    expect(await textAt(clients, bucket, "empty")).toBe("");
  });

  it("streams a large body in and out, byte for byte", async () => {
    const clients = open();
    const bucket = await newBucket(clients);
    const chunk = Buffer.alloc(1 << 20, "0123456789abcdef!");
    const chunks = 48;
    const sent = createHash("md5");
    const body = Readable.from(
      (function* produce() {
        for (let index = 0; index < chunks; index += 1) {
          const numbered = Buffer.concat([Buffer.from([index]), chunk.subarray(1)]);
          sent.update(numbered);
          yield numbered;
        }
      })(),
    );

    const etag = await put(clients, { bucket, key: "large" }, body, { ContentLength: chunks * chunk.length });
    const { Body } = await clients.s3.send(new GetObjectCommand({ Bucket: bucket, Key: "large" }));
    const received = createHash("md5");
    for await (const part of Body as Readable) received.update(part as Buffer);

    const sum = sent.digest("hex");
    expect(etag).toBe(`"${sum}"`);
    expect(received.digest("hex")).toBe(sum);
  });
}

function removing(open: OpenClients): void {
  it("removes an object, and again without complaint", async () => {
    const clients = open();
    const bucket = await newBucket(clients);
    await put(clients, { bucket, key: "gone" }, "x");
    const remove = () => clients.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: "gone" }));

    expect((await remove()).$metadata.httpStatusCode).toBe(204);
    expect((await remove()).$metadata.httpStatusCode).toBe(204);

    await expect(textAt(clients, bucket, "gone")).rejects.toBeInstanceOf(NoSuchKey);
  });

  it("does not know a conditional removal", async () => {
    const clients = open();
    const bucket = await newBucket(clients);
    const etag = await put(clients, { bucket, key: "kept" }, "x");

    const request = clients.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: "kept", IfMatch: etag }));

    expect(await refusalOf(request)).toEqual({ name: "NotImplemented", status: 501 });
    expect(await textAt(clients, bucket, "kept")).toBe("x");
  });

  it("removes many at once, those that are not there among them, and can keep quiet about it", async () => {
    const clients = open();
    const bucket = await newBucket(clients);
    for (const key of ["one", "two +%", "three"]) await put(clients, { bucket, key }, "x");
    const remove = (keys: readonly string[], quiet: boolean) =>
      clients.s3.send(
        new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: quiet } }),
      );

    const loud = await remove(["one", "two +%", "absent"], false);
    const quiet = await remove(["three"], true);

    expect(loud.Deleted?.map(({ Key }) => Key).toSorted()).toEqual(["absent", "one", "two +%"]);
    expect(loud.Errors).toBeUndefined();
    expect(quiet.Deleted).toBeUndefined();
    expect((await clients.s3.send(new ListObjectsV2Command({ Bucket: bucket }))).KeyCount).toBe(0);
  });
}
