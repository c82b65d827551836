/** Sources that can never be cleaned: each with its reason and a sentence that says where and what to do. */
import { Readable } from "node:stream";
import { deflateRawSync, gzipSync } from "node:zlib";

import { TransientError } from "@airlake/shared/errors";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";

import { defaultLimits } from "../src/limits.ts";
import type { RejectionReason } from "../src/rejection.ts";
import { type Cleaning, cleaned, openCleaning } from "./cleaning.ts";

const header = "location,city,country,utc,local,parameter,value,unit,latitude,longitude,attribution";
const row = "L,C,US,2018-02-06T10:00:00Z,2018-02-06T10:00:00Z,o3,1,ppm,48,2,";
const table = `${header}\n${row}\n`;
const zipped = gzipSync(table);

let cleaning: Cleaning;
beforeAll(async () => {
  cleaning = await openCleaning();
});
afterAll(async () => cleaning[Symbol.asyncDispose]());

function changed(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0xff;
  return copy;
}

const noise = Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 7919 + (at >> 3) * 31) % 256));

const sources: readonly (readonly [what: string, reason: RejectionReason, bytes: Buffer | string, says: RegExp])[] = [
  ["no byte at all", "empty-file", "", /empty/],
  ["a gzip of nothing", "empty-file", gzipSync(""), /empty/],
  ["only blank lines", "empty-file", "\r\n\n \n", /empty/],
  ["only a byte order mark", "empty-file", "\ufeff", /empty/],
  ["another table", "unrecognised-format", "a,b\n1,2\n", /begins "a,b".*openaq-legacy-csv/],
  ["prose", "unrecognised-format", "Dear Sir,\nhello\n", /Check its header/],
  ["other JSON lines", "unrecognised-format", '{"a":1}\n{"a":2}\n', /none of the formats/],
  ["a page of HTML", "unrecognised-format", "<!doctype html><html></html>", /doctype/],
  ["half a gzip", "truncated-gzip", zipped.subarray(0, zipped.length - 20), /ends too early/],
  ["a gzip without its last byte", "truncated-gzip", zipped.subarray(0, -1), /ends too early/],
  ["a gzip's first two bytes", "truncated-gzip", zipped.subarray(0, 2), /ends too early/],
  ["half a second member", "truncated-gzip", Buffer.concat([zipped, zipped.subarray(0, 30)]), /ends too early/],
  ["a gzip with a wrong checksum", "corrupt-gzip", changed(zipped, zipped.length - 6), /incorrect data check/],
  ["a gzip with a wrong length", "corrupt-gzip", changed(zipped, zipped.length - 1), /incorrect length check/],
  ["a gzip with a damaged block", "corrupt-gzip", changed(zipped, 12), /damaged/],
  ["letters after a gzip", "corrupt-gzip", Buffer.concat([zipped, Buffer.from("garbage")]), /damaged/],
  ["a member behind padding", "corrupt-gzip", Buffer.concat([zipped, Buffer.alloc(9), zipped]), /not gzip/],
  ["a gzip in a gzip", "binary-content", gzipSync(zipped), /gzip file inside a gzip/],
  ["a ZIP archive", "binary-content", Buffer.from("504b0304140000000800", "hex"), /ZIP/],
  ["a Parquet file", "binary-content", "PAR1\u0015\u0004", /Parquet/],
  ["noise", "binary-content", noise, /control characters/],
  ["compressed bytes", "binary-content", deflateRawSync(noise), /control characters/],
  ["UTF-16 with a mark", "wrong-encoding", Buffer.from(`\ufeff${table}`, "utf16le"), /UTF-16/],
  ["UTF-16 without one", "wrong-encoding", Buffer.from(table, "utf16le"), /UTF-16/],
  ["UTF-32", "wrong-encoding", Buffer.from("fffe000041000000", "hex"), /UTF-32/],
  ["Latin-1", "wrong-encoding", Buffer.from(`${header}\n${row}Liège\n`, "latin1"), /byte 149 /],
  ["a character cut off at the end", "wrong-encoding", Buffer.from(`${table}µ`).subarray(0, -1), /byte 148 /],
  ["an overlong zero", "wrong-encoding", Buffer.concat([Buffer.from(table), Buffer.from("c080", "hex")]), /byte 148 /],
  [
    "half of a surrogate pair",
    "wrong-encoding",
    Buffer.concat([Buffer.from(table), Buffer.from("eda080", "hex")]),
    /byte 148 /,
  ],
  [
    "a thousand and one columns",
    "too-many-columns",
    Array.from({ length: 1001 }, (_, at) => `c${at}`).join(","),
    /1001 columns/,
  ],
];

it.each(sources)("rejects %s as %s", async (_what, reason, bytes, says) => {
  const outcome = await cleaning.bytes(bytes);

  expect(outcome).toMatchObject({ kind: "rejected", reason });
  expect(outcome.kind === "rejected" && outcome.detail).toMatch(says);
});

test.each([
  ["text", gzipSync("a,b\n1,2\n"), "a,b\n1,2\n"],
  ["long text, cut in a character", `x${"é".repeat(200)}`, `x${"é".repeat(127)}`],
  ["text in another encoding", Buffer.from("Liège\n", "latin1"), "Li\ufffdge\n"],
  ["bytes that are no text", Buffer.from("504b030400", "hex"), "504b030400"],
  ["what there is of a gzip that is cut off", gzipSync("a,b\n".repeat(3000)).subarray(0, -4), "a,b\n".repeat(64)],
  ["nothing where nothing is", "", ""],
])("a rejection shows how the inflated source begins: %s", async (_what, bytes, firstBytes) => {
  expect(await cleaning.bytes(bytes)).toMatchObject({ kind: "rejected", firstBytes });
});

describe("what is no reason to reject", () => {
  it.each([
    ["two gzip members", Buffer.concat([gzipSync(`${header}\n${row}\n`), gzipSync(`${row.replace("L,", "M,")}\n`)]), 2],
    ["zeros behind a gzip", Buffer.concat([zipped, Buffer.alloc(70_000)]), 1],
    ["a header alone", header, 0],
    ["a header alone, zipped", gzipSync(header), 0],
    ["a byte order mark, CRLF and no final line end", `\ufeff${header}\r\n${row}`, 1],
    ["semicolons", table.replaceAll(",", ";"), 1],
    ["NULs inside fields", `${header}\n${row.replace("C", "a\0b\0c")}\n`, 1],
    ["blank lines before and between", `\n\r\n${header}\n\n${row}\n\n`, 1],
    ["a thousand columns", `${header},${Array.from({ length: 989 }, (_, at) => `x${at}`).join(",")}\n`, 0],
  ])("cleans %s", async (_what, bytes, records) => {
    expect(cleaned(await cleaning.bytes(bytes)).counts).toMatchObject({ read: records, kept: records });
  });
});

describe("limits, at their edges", () => {
  const textBytes = Buffer.byteLength(table);
  const recordBytes = Buffer.byteLength(row);
  const two = `${table}${row.replace("L,", "M,")}\n`;
  it.each([
    ["inflated-too-large", { inflatedBytes: textBytes - 1 }, table],
    ["inflated-too-large", { inflatedBytes: textBytes - 1 }, zipped],
    ["record-too-large", { recordBytes: recordBytes - 1 }, table],
    ["record-too-large", { recordBytes: recordBytes - 1 }, table.trimEnd()],
    ["record-too-large", { recordBytes: 200 }, `${table}"${"x".repeat(300)}`],
    ["too-many-records", { records: 1 }, two],
    ["too-many-columns", { columns: 10 }, table],
  ] as const)("rejects as %s one beyond %o", async (reason, limits, bytes) => {
    const outcome = await cleaning.bytes(bytes, { limits: { ...defaultLimits, ...limits } });

    expect(outcome).toMatchObject({ kind: "rejected", reason });
  });

  it("takes a source that reaches every limit", async () => {
    // The header is a record of the text too, and the longer one.
    const limits = { ...defaultLimits, inflatedBytes: textBytes, recordBytes: header.length, records: 1, columns: 11 };

    expect(cleaned(await cleaning.bytes(table, { limits })).counts.kept).toBe(1);
    expect(cleaned(await cleaning.bytes(zipped, { limits })).counts.kept).toBe(1);
  });

  it("recognises a header that is as long as the head", async () => {
    const headBytes = Buffer.byteLength(`${header}\n`);

    expect(cleaned(await cleaning.bytes(table, { limits: { ...defaultLimits, headBytes } })).counts.kept).toBe(1);
  });

  it("stops a gzip bomb long before its end", async () => {
    const bomb = gzipSync(Buffer.alloc(300_000_000, `${header}\n`), { level: 1 });
    const before = process.memoryUsage().rss;

    const outcome = await cleaning.bytes(bomb, { limits: { ...defaultLimits, inflatedBytes: 1_000_000 } });

    expect(outcome).toMatchObject({ kind: "rejected", reason: "inflated-too-large" });
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
  });
});

describe("a body that is not what the store announced", () => {
  it.each([
    ["shorter", table, -1],
    ["longer", table, 1],
    ["shorter and gzip", zipped, -1],
  ])("is no rejection, but may pass: %s", async (_what, bytes, difference) => {
    const sizeBytes = Buffer.byteLength(bytes) - difference;

    await expect(cleaning.bytes(bytes, { sizeBytes })).rejects.toThrow(TransientError);
  });

  it("is no rejection where a gzip was cut off on its way", async () => {
    await expect(cleaning.bytes(zipped.subarray(0, 50), { sizeBytes: zipped.length })).rejects.toThrow(TransientError);
  });

  it("passes on the error of a body that breaks", async () => {
    const broken = (bytes: Buffer): Readable =>
      Readable.from(
        (async function* () {
          yield bytes;
          throw new Error("connection reset");
        })(),
      );

    await expect(cleaning.bytes(table, { body: broken(Buffer.from(table)) })).rejects.toThrow("connection reset");
    await expect(cleaning.bytes(zipped, { body: broken(zipped.subarray(0, 50)) })).rejects.toThrow("connection reset");
  });
});

test("gives up when its signal is aborted", async () => {
  const controller = new AbortController();
  const endless = Readable.from(
    (async function* () {
      yield Buffer.from(`${header}\n`);
      for (;;) {
        yield Buffer.from(`${row}\n`.repeat(100));
        controller.abort(new Error("lease is over"));
        await new Promise((resolve) => setImmediate(resolve));
      }
    })(),
  );

  await expect(cleaning.bytes("", { body: endless, signal: controller.signal })).rejects.toThrow();
});
