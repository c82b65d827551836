import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { afterAll, beforeAll, expect, test } from "vitest";

import { generateSample } from "../../src/sample/generate.ts";
import { createSampleMaker } from "./sample-folder.ts";
import type { Sample, SampleMaker } from "./sample-folder.ts";

let maker: SampleMaker;
let sample: Sample;
beforeAll(async () => {
  maker = await createSampleMaker();
  sample = await maker.make({ seed: 21, badFiles: true, bombBytes: 3_000_000 });
});
afterAll(async () => maker[Symbol.asyncDispose]());

const bytesOf = async (name: string): Promise<Buffer> => readFile(join(sample.folder, name));
const isUtf8 = (bytes: Buffer): boolean => Buffer.from(bytes.toString("utf8")).equals(bytes);

test("has a file for every reason to reject one", () => {
  const reasons = [...new Set(sample.truth.badFiles.map((file) => file.reason))];

  expect(reasons.toSorted()).toEqual([
    "binary-content",
    "corrupt-gzip",
    "empty-file",
    "inflated-too-large",
    "too-many-columns",
    "truncated-gzip",
    "unrecognised-format",
    "wrong-encoding",
  ]);
});

test("has no bad files unless asked", async () => {
  const { truth } = await maker.make({ seed: 22 });

  expect(truth.badFiles).toEqual([]);
});

test("leaves bad files that are there already, and refuses to make a sample without them", async () => {
  const again = generateSample({ folder: sample.folder, seed: 21, records: 1000, date: "2018-02-06", badFiles: false });

  await expect(again).rejects.toThrow("holds broken files of an earlier sample (bad-");
  expect((await stat(join(sample.folder, "bad-notes.txt"))).size).toBeGreaterThan(0);
});

test("cuts gzip off in its middle", async () => {
  const bytes = await bytesOf("bad-truncated.csv.gz");

  expect(() => gunzipSync(bytes)).toThrow("unexpected end of file");
});

test("changes nothing in corrupt gzip but its checksum", async () => {
  const bytes = await bytesOf("bad-checksum.csv.gz");
  expect(() => gunzipSync(bytes)).toThrow("incorrect data check");

  bytes.writeUInt8(bytes.readUInt8(bytes.length - 8) ^ 0xff, bytes.length - 8);
  expect(gunzipSync(bytes).toString("utf8")).toMatch(/^location,city,country,utc,/u);
});

test("has an empty file, a picture with NUL bytes, UTF-16 with its mark, and Latin-1 that is no UTF-8", async () => {
  expect((await stat(join(sample.folder, "bad-empty.csv"))).size).toBe(0);
  expect((await bytesOf("bad-picture.csv")).includes(0)).toBe(true);
  expect([...(await bytesOf("bad-utf16.csv")).subarray(0, 2)]).toEqual([0xff, 0xfe]);
  const latin1 = await bytesOf("bad-latin1.csv");
  expect(isUtf8(latin1)).toBe(false);
  expect(latin1.toString("latin1")).toContain("Bärenhöhe");
});

test("has a header of 20,000 columns, the known ones among them", async () => {
  const header = (await bytesOf("bad-wide.csv")).toString("utf8").split("\n")[0]!.split(",");

  expect(header).toHaveLength(20_000);
  expect(header).toEqual(expect.arrayContaining(["utc", "local", "attribution"]));
});

test("has a small gzip bomb that inflates to what the truth says, all of it good CSV", async () => {
  const bomb = sample.truth.badFiles.find((file) => file.reason === "inflated-too-large")!;
  const packed = await bytesOf(bomb.name);
  const plain = gunzipSync(packed);

  expect(plain.length).toBe(bomb.onlyWhenLimitBelow?.inflatedBytes);
  expect(plain.length).toBeGreaterThanOrEqual(3_000_000);
  expect(plain.length / packed.length).toBeGreaterThan(100);
  const lines = plain.toString("utf8").trimEnd().split("\n");
  expect(lines.length - 1).toBe(bomb.onlyWhenLimitBelow?.otherwise.read);
});
