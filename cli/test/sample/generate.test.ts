import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TextDecoder } from "node:util";
import { gunzipSync } from "node:zlib";

import { afterAll, beforeAll, expect, test } from "vitest";

import { truthPath } from "../../src/sample/generate.ts";
import { JOINED_FLAGS, QUARANTINE_REASONS, ROW_FLAGS } from "../../src/sample/words.ts";
import type { FileTruth } from "../../src/sample/truth.ts";
import { createSampleMaker, digests } from "./sample-folder.ts";
import type { Sample, SampleMaker } from "./sample-folder.ts";

let maker: SampleMaker;
beforeAll(async () => {
  maker = await createSampleMaker();
});
afterAll(async () => maker[Symbol.asyncDispose]());

const SIX_FORMATS = [
  "openaq-archive-csv",
  "openaq-explorer-csv",
  "openaq-legacy-csv",
  "openaq-realtime-ndjson",
  "openaq-v2-csv",
  "opendatasoft-csv",
];

async function textOf({ folder }: Sample, name: string): Promise<string> {
  const bytes = await readFile(join(folder, name));
  const plain = name.endsWith(".gz") ? gunzipSync(bytes) : bytes;
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(plain);
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function named({ truth }: Sample, part: string): FileTruth {
  return truth.files.find((file) => file.name.includes(part))!;
}

test("writes the same bytes and the same truth for the same seed", async () => {
  const [one, two] = [await maker.make({ seed: 5, badFiles: true }), await maker.make({ seed: 5, badFiles: true })];

  expect(await digests(one.folder)).toEqual(await digests(two.folder));
  expect(one.truth).toEqual(two.truth);
});

test.each([
  [1, 2],
  [0, -1],
  [3, 3 + 2 ** 32],
])("writes other bytes for seed %i than for seed %i, in every file that has records", async (a, b) => {
  const [one, two] = [await maker.make({ seed: a }), await maker.make({ seed: b })];

  const [left, right] = [await digests(one.folder), await digests(two.folder)];
  const same = Object.keys(left).filter((name) => left[name] === right[name]);
  expect(same).toEqual(["location-2179-20180206.csv.gz"]);
});

test.each([1, 2, 3, 4])("has every format, reason and flag at the default size: seed %i", async (seed) => {
  const { truth } = await maker.make({ seed, records: 20_000 });

  expect([...new Set(truth.files.map((file) => file.format))].toSorted()).toEqual(SIX_FORMATS);
  for (const reason of QUARANTINE_REASONS) {
    expect(truth.files.some((file) => (file.reasons[reason] ?? 0) > 0)).toBe(true);
  }
  for (const flag of ROW_FLAGS) expect(truth.files.some((file) => (file.flags[flag] ?? 0) > 0)).toBe(true);
  for (const flag of JOINED_FLAGS) expect(truth.files.some((file) => file.joinedFlags[flag].count > 0)).toBe(true);
  expect(Math.abs(truth.totals.read - 20_000)).toBeLessThan(20);
});

test("has every reason and flag that a format can have even in the files of a sample of 500", async () => {
  const sample = await maker.make({ seed: 9, records: 500 });

  const legacy = named(sample, "2018-02-06.csv.gz");
  expect(Object.keys(legacy.reasons).toSorted()).toEqual([...QUARANTINE_REASONS].toSorted());
  expect(Object.keys(legacy.flags).toSorted()).toEqual([...ROW_FLAGS].toSorted());
  expect(JOINED_FLAGS.filter((flag) => legacy.joinedFlags[flag].count === 0)).toEqual([]);
});

test("closes its own account: read is kept and quarantined, partitions and record numbers add up", async () => {
  const { truth } = await maker.make({ seed: 11, records: 3000 });

  for (const file of truth.files) {
    expect(file.read).toBe(file.kept + file.quarantined);
    expect(total(file.reasons)).toBe(file.quarantined);
    expect(file.quarantinedRecords).toHaveLength(file.quarantined);
    expect(total(file.partitions)).toBe(file.kept);
    expect(total(file.partitionsAfterDerivation)).toBe(file.kept);
    expect(file.joinedFlags["coordinates-outside-country"].records).toEqual(file.wrongCountryCodes);
  }
});

test("plants times from the future only where the file's name gives a reference time", async () => {
  const { truth } = await maker.make({ seed: 12, records: 3000 });

  const withFuture = truth.files.filter((file) => file.reasons["future-timestamp"] !== undefined);
  expect(withFuture.map((file) => [file.name, file.referenceTime])).toEqual([
    ["2018-02-06.csv.gz", "2018-02-08T00:00:00.000Z"],
    ["1517908354.ndjson.gz", "2018-02-06T09:12:34.000Z"],
    ["1517960801.ndjson.gz", "2018-02-06T23:46:41.000Z"],
    ["2018-02-06.ndjson", "2018-02-08T00:00:00.000Z"],
  ]);
});

test("derives no country that it delivers: an archive file has only derived ones", async () => {
  const sample = await maker.make({ seed: 13, records: 3000 });

  const archive = named(sample, "location-2178");
  expect(Object.keys(archive.partitions).every((key) => key.startsWith("ZZ/"))).toBe(true);
  expect(archive.flags["country-missing"]).toBe(archive.kept);
  const known = Object.entries(archive.partitionsAfterDerivation).filter(([key]) => !key.startsWith("ZZ/"));
  expect(total(Object.fromEntries(known))).toBe(archive.joinedFlags["country-derived"].count);
});

test("is valid UTF-8 with the line ends, marks and long fields that it promises", async () => {
  const sample = await maker.make({ seed: 14, records: 20_000 });

  for (const { name } of sample.truth.files) expect((await textOf(sample, name)).length).toBeGreaterThan(0);
  const legacy = await textOf(sample, "2018-02-06.csv.gz");
  expect(Math.max(...legacy.split(/[",]{3}/u).map((piece) => piece.length))).toBeGreaterThan(100_000);
  expect(legacy.length).toBeGreaterThan(2_000_000);
  expect(legacy).toContain("\0");
  const reordered = await textOf(sample, "countries-20180206.csv");
  expect(reordered.startsWith("\u{feff}attribution,")).toBe(true);
  const mixed = await textOf(sample, "headerless-20180206.csv");
  expect([/[^\r]\n/u, /\r\n/u, /\r[^\n]/u].map((end) => end.test(mixed))).toEqual([true, true, true]);
  expect(/[\r\n]$/u.test(mixed)).toBe(false);
});

test("counts a file of nothing but a header as a good file without records", async () => {
  const sample = await maker.make({ seed: 15 });

  const empty = named(sample, "location-2179");
  expect(empty).toMatchObject({ format: "openaq-archive-csv", read: 0, kept: 0, quarantined: 0, reasons: {} });
  expect(await textOf(sample, empty.name)).toMatch(/^"location_id","sensors_id",[^\n]*\r\n$/u);
});

test("leaves the truth beside the folder, as it returned it", async () => {
  const { folder, truth } = await maker.make({ seed: 16, badFiles: true });

  expect(JSON.parse(await readFile(`${folder}.truth.json`, "utf8"))).toEqual(truth);
  const names = [...truth.files, ...truth.badFiles].map((file) => file.name);
  expect((await readdir(folder)).toSorted()).toEqual(names.toSorted());
});

test("replaces an earlier sample of the same day, its bad files too", async () => {
  const earlier = await maker.make({ seed: 17, badFiles: true });

  const later = await maker.make({ seed: 18, folder: earlier.folder, badFiles: true });

  const names = [...later.truth.files, ...later.truth.badFiles].map((file) => file.name);
  expect((await readdir(earlier.folder)).toSorted()).toEqual(names.toSorted());
});

test("refuses a folder that holds a file of somebody else, and touches nothing", async () => {
  const folder = await maker.emptyFolder();
  await mkdir(folder);
  await writeFile(join(folder, "mine.csv"), "a,b\n");

  await expect(maker.make({ folder })).rejects.toThrow("holds mine.csv");

  expect(await readdir(folder)).toEqual(["mine.csv"]);
  expect(existsSync(truthPath(folder))).toBe(false);
});

test.each([
  [{ date: "2018-02-30" }, "The date must be a day"],
  [{ date: "6.2.2018" }, "The date must be a day"],
  [{ date: "1999-01-01" }, "must lie between"],
  [{ date: "2033-05-18" }, "must lie between"],
  [{ seed: 1.5 }, "The seed must be"],
  [{ records: 99 }, "between 100 and"],
  [{ records: 1000.5 }, "between 100 and"],
])("refuses %j and makes no folder", async (options, message) => {
  const folder = await maker.emptyFolder();

  await expect(maker.make({ ...options, folder })).rejects.toThrow(message);

  expect(existsSync(folder)).toBe(false);
});

test("takes no file for granted that it could not write", async () => {
  const folder = await maker.emptyFolder();
  await mkdir(join(folder, "2018-02-06.csv.gz"), { recursive: true });

  await expect(maker.make({ folder })).rejects.toThrow(/EISDIR|directory/u);

  expect(existsSync(truthPath(folder))).toBe(false);
  expect((await stat(join(folder, "2018-02-06.csv.gz"))).isDirectory()).toBe(true);
});
