/** What the services rely on in S3's objects. The same cases run on the embedded objects and on LocalStack. */
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

/** Registers the cases about writing and removing single objects. */
export function objectContract(open: OpenClients): void {
  describe("conditional writes", () => conditionalWrites(open));
  describe("what is not there", () => refusals(open));
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
