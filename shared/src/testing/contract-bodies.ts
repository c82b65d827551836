/** What is read of an object, and what a body may be. The same cases run on the embedded objects and on LocalStack. */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { GetObjectCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { newBucket, put, refusalOf, textAt } from "./contract-clients.ts";
import type { OpenClients } from "./contract-clients.ts";

/** Registers the cases about reading. */
export function readContract(open: OpenClients): void {
  describe("reading", () => reading(open));
  describe("bodies", () => bodies(open));
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
