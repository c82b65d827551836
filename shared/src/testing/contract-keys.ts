/** Which keys there can be, and how they are listed. The same cases run on the embedded objects and on LocalStack. */
import { DeleteObjectCommand, HeadObjectCommand, ListObjectsV2Command, NoSuchKey } from "@aws-sdk/client-s3";
import type { ListObjectsV2CommandInput } from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { newBucket, put, textAt } from "./contract-clients.ts";
import type { ContractClients, OpenClients } from "./contract-clients.ts";

/**
 * Keys that are no plain path, or that some encoding on the way could spoil. Two kinds are left to the embedded tests, because
 * LocalStack 4.14 fails on them: keys of slashes only, and pages that begin with a key beyond ASCII.
 */
export const oddKeys: readonly string[] = [
  "plain/path/file.csv",
  "with space and  two",
  "plus+plus",
  "100%",
  "%2F%20%25",
  "%!/%_/%-",
  "country=BE/year=2018/month=02/x.parquet",
  "a//b",
  "/leading",
  "trailing/",
  ".",
  "..",
  "../../outside",
  "a/./b/../c",
  ".hidden/.airlake",
  "Ünïcode/日本語/📈.csv",
  "q?u=e&r#y",
  "quote'double\"back\\slash",
  "a:b*c|d<e>f;g,h@i!j$k(l)m[n]o{p}q~r^s`t",
  "x".repeat(300),
  `${"日".repeat(90)}/${"%".repeat(100)}.${"é".repeat(130)}`,
  "k".repeat(1024),
];

/** Registers the cases about keys and listings. */
export function keyContract(open: OpenClients): void {
  describe("keys", () => keys(open));
  describe("listing", () => listing(open));
}

function keys(open: OpenClients): void {
  it.each(oddKeys.map((key) => [key.length > 60 ? `${key.slice(0, 60)}…` : key, key]))(
    "keeps the key %s",
    async (_, key) => {
      const clients = open();
      const bucket = await newBucket(clients);

      const etag = await put(clients, { bucket, key }, `content of ${key}`);

      expect(await textAt(clients, bucket, key)).toBe(`content of ${key}`);
      expect((await clients.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }))).ETag).toBe(etag);
      expect(await keysIn(clients, { Bucket: bucket })).toEqual([key]);
      expect(await keysIn(clients, { Bucket: bucket, Prefix: key })).toEqual([key]);
      await clients.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
      expect(await keysIn(clients, { Bucket: bucket })).toEqual([]);
    },
  );

  it("keeps all of them side by side", async () => {
    const clients = open();
    const bucket = await newBucket(clients);
    for (const key of oddKeys) await put(clients, { bucket, key }, key);

    expect(await keysIn(clients, { Bucket: bucket })).toEqual(byBytes(oddKeys));
    for (const key of oddKeys) expect(await textAt(clients, bucket, key)).toBe(key);
  });

  it.each([["shorter first"], ["longer first"]])("keeps a key and keys below it, %s", async (order) => {
    const clients = open();
    const bucket = await newBucket(clients);
    const nested = ["a", "a/", "a/b", "a/b/c", "a//b"];
    for (const key of order === "shorter first" ? nested : nested.toReversed())
      await put(clients, { bucket, key }, key);

    expect(await keysIn(clients, { Bucket: bucket })).toEqual(byBytes(nested));
    await put(clients, { bucket, key: "a" }, "changed");
    await clients.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: "a/b" }));

    expect(await textAt(clients, bucket, "a")).toBe("changed");
    expect(await textAt(clients, bucket, "a/b/c")).toBe("a/b/c");
    await expect(textAt(clients, bucket, "a/b")).rejects.toBeInstanceOf(NoSuchKey);
    await clients.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: "a" }));
    expect(await keysIn(clients, { Bucket: bucket })).toEqual(["a/", "a//b", "a/b/c"]);
  });

  it("tells keys apart that only look the same", async () => {
    const clients = open();
    const bucket = await newBucket(clients);
    const alike = ["caf\u00E9", "cafe\u0301", "CAF\u00C9", "caf%C3%A9", "caf%c3%a9"];

    for (const key of alike) await put(clients, { bucket, key }, key);

    for (const key of alike) expect(await textAt(clients, bucket, key)).toBe(key);
    expect(await keysIn(clients, { Bucket: bucket })).toHaveLength(alike.length);
  });
}

function listing(open: OpenClients): void {
  it("lists nothing of an empty bucket", async () => {
    const clients = open();
    const bucket = await newBucket(clients);

    const page = await clients.s3.send(new ListObjectsV2Command({ Bucket: bucket }));

    expect(page).toMatchObject({ IsTruncated: false, KeyCount: 0, Name: bucket });
    expect(page.Contents).toBeUndefined();
    expect(page.NextContinuationToken).toBeUndefined();
  });

  it("tells of each object its size, ETag and time", async () => {
    const clients = open();
    const bucket = await newBucket(clients);
    const etag = await put(clients, { bucket, key: "one" }, "four");

    const { Contents: [object] = [] } = await clients.s3.send(new ListObjectsV2Command({ Bucket: bucket }));

    expect(object).toMatchObject({ Key: "one", Size: 4, ETag: etag });
    expect(Math.abs((object?.LastModified?.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  it("orders keys by their UTF-8 bytes", async () => {
    const clients = open();
    const bucket = await newBucket(clients);
    // In UTF-16, as JavaScript sorts, 😀 would come before the full-width tilde.
    const ordered = ["A", "Z", "a", "a b", "a!b", "a/b", "a0", "é", "日", "\uFF5E", "😀"];
    for (const key of ordered.toReversed()) await put(clients, { bucket, key }, "x");

    expect(await keysIn(clients, { Bucket: bucket })).toEqual(byBytes(ordered));
    expect(byBytes(ordered).slice(-3)).toEqual(["日", "\uFF5E", "😀"]);
  });

  it("gives every key once, page by page", async () => {
    const clients = open();
    const bucket = await newBucket(clients);
    const all = Array.from(
      { length: 23 },
      (_, index) => `k/${String(index).padStart(2, "0")} ${index % 2 === 0 ? "%" : "+"}`,
    );
    await Promise.all(all.map(async (key) => put(clients, { bucket, key }, "x")));

    const pages = await pagesOf(clients, { Bucket: bucket, Prefix: "k/", MaxKeys: 5 });

    expect(pages.map((page) => page.length)).toEqual([5, 5, 5, 5, 3]);
    expect(pages.flat()).toEqual(byBytes(all));
  });

  it("does not end a full page with an empty one", async () => {
    const clients = open();
    const bucket = await newBucket(clients);
    for (const key of ["a", "b", "c", "d"]) await put(clients, { bucket, key }, "x");

    expect(await pagesOf(clients, { Bucket: bucket, MaxKeys: 2 })).toEqual([
      ["a", "b"],
      ["c", "d"],
    ]);
  });

  it("takes a prefix that ends inside a name", async () => {
    const clients = open();
    const bucket = await newBucket(clients);
    for (const key of ["ab", "abc/d", "abd", "ac", "b/abc"]) await put(clients, { bucket, key }, "x");

    expect(await keysIn(clients, { Bucket: bucket, Prefix: "ab" })).toEqual(["ab", "abc/d", "abd"]);
    expect(await keysIn(clients, { Bucket: bucket, Prefix: "abc/" })).toEqual(["abc/d"]);
    expect(await keysIn(clients, { Bucket: bucket, Prefix: "zz" })).toEqual([]);
  });

  it("starts after a key, that is there or not", async () => {
    const clients = open();
    const bucket = await newBucket(clients);
    for (const key of ["a", "p/1", "p/2", "p/3", "z"]) await put(clients, { bucket, key }, "x");

    expect(await keysIn(clients, { Bucket: bucket, StartAfter: "p/1" })).toEqual(["p/2", "p/3", "z"]);
    expect(await keysIn(clients, { Bucket: bucket, StartAfter: "p/", Prefix: "p/" })).toEqual(["p/1", "p/2", "p/3"]);
    expect(await keysIn(clients, { Bucket: bucket, StartAfter: "a", Prefix: "p/" })).toEqual(["p/1", "p/2", "p/3"]);
    expect(await keysIn(clients, { Bucket: bucket, StartAfter: "q", Prefix: "p/" })).toEqual([]);
  });

  it("gathers keys below a delimiter, across pages", async () => {
    const clients = open();
    const bucket = await newBucket(clients);
    const some = ["a", "d/1", "d/2", "d/3", "e/1", "f", "g/h/i", "日/1", "日/2"];
    for (const key of some) await put(clients, { bucket, key }, "x");

    const whole = await clients.s3.send(new ListObjectsV2Command({ Bucket: bucket, Delimiter: "/" }));
    const pages = await pagesOf(clients, { Bucket: bucket, Delimiter: "/", MaxKeys: 2 });

    expect(whole.Contents?.map(({ Key }) => Key)).toEqual(["a", "f"]);
    expect(whole.CommonPrefixes?.map(({ Prefix }) => Prefix)).toEqual(["d/", "e/", "g/", "日/"]);
    expect(whole.KeyCount).toBe(6);
    expect(pages).toEqual([["a", "d/"], ["f", "e/"].toSorted(), ["g/", "日/"]]);
  });
}

async function keysIn({ s3 }: ContractClients, input: ListObjectsV2CommandInput): Promise<readonly string[]> {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command(input));
  return Contents.map(({ Key = "" }) => Key);
}

/** The names on every page, keys and common prefixes together, in order. */
async function pagesOf(
  { s3 }: ContractClients,
  input: ListObjectsV2CommandInput,
): Promise<readonly (readonly string[])[]> {
  const pages: (readonly string[])[] = [];
  for (let token: string | undefined, more = true; more && pages.length < 100;) {
    const page = await s3.send(new ListObjectsV2Command({ ...input, ContinuationToken: token }));
    const names = [
      ...(page.Contents ?? []).map(({ Key = "" }) => Key),
      ...(page.CommonPrefixes ?? []).map(({ Prefix = "" }) => Prefix),
    ];
    expect(page.KeyCount).toBe(names.length);
    expect(page.IsTruncated).toBe(page.NextContinuationToken !== undefined);
    pages.push(byBytes(names));
    token = page.NextContinuationToken;
    more = token !== undefined;
  }
  return pages;
}

function byBytes(names: readonly string[]): readonly string[] {
  return names.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}
