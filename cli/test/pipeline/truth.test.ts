/** Generated days with known truth through the whole pipeline: counts, reasons, flags, record numbers and partitions, file by file. */
import { createReadStream } from "node:fs";
import { mkdtemp, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { PutObjectCommand } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";

import { sourceIdOf } from "@airlake/shared/contracts/keys";

import { generateSample } from "../../src/sample/generate.ts";
import type { FileTruth, SampleTruth } from "../../src/sample/truth.ts";
import { type Pipeline, removeFolder, startPipeline } from "./pipeline.ts";

const seeds = Array.from({ length: 20 }, (_, at) => at + 1);

async function putSample(pipeline: Pipeline, folder: string, truth: SampleTruth): Promise<(name: string) => string> {
  const keyOf = (name: string): string => `openaq/${truth.seed}/${name}`;
  for (const { name } of [...truth.files, ...truth.badFiles]) {
    const path = join(folder, name);
    const { size } = await stat(path);
    const body = { Body: createReadStream(path), ContentLength: size };
    await pipeline.lake.s3.send(new PutObjectCommand({ Bucket: "raw", Key: keyOf(name), ...body }));
  }
  return keyOf;
}

/** What the manifests and parts say of one file, in the truth's own words. */
async function found(pipeline: Pipeline, key: string): Promise<Record<string, unknown>> {
  const cleaned = await pipeline.manifest("cleaner", key);
  const joined = await pipeline.manifest("joiner", key);
  const partitions =
    joined?.outputs.map((part) => [part.partition.replaceAll(/(^|\/)[a-z]+=/g, "$1"), part.rows]) ?? [];
  return {
    format: cleaned?.format,
    read: cleaned?.counts?.read,
    kept: cleaned?.counts?.kept,
    quarantined: cleaned?.counts?.quarantined,
    reasons: cleaned?.counts?.reasons,
    flags: cleaned?.counts?.flags,
    joinedFlags: joined?.counts?.flags,
    partitions: Object.fromEntries(partitions),
  };
}

function expected(truth: FileTruth): Record<string, unknown> {
  const joined = Object.entries(truth.joinedFlags).flatMap(([flag, { count }]) => (count > 0 ? [[flag, count]] : []));
  return {
    format: truth.format,
    read: truth.read,
    kept: truth.kept,
    quarantined: truth.quarantined,
    reasons: truth.reasons,
    flags: truth.flags,
    joinedFlags: { ...truth.flags, ...Object.fromEntries(joined) },
    partitions: truth.partitionsAfterDerivation,
  };
}

const byText = (one: string, other: string): number => one.localeCompare(other);

test.for(seeds)("the lake holds what the generator built, file by file: seed %i", async (seed) => {
  await using closing = new AsyncDisposableStack();
  const folder = closing.adopt(await mkdtemp(join(tmpdir(), "airlake-sample-")), removeFolder);
  const pipeline = closing.use(await startPipeline());
  const truth = await generateSample({
    folder: join(folder, "day"),
    date: "2018-02-06",
    seed,
    records: 1500,
    badFiles: false,
  });

  const keyOf = await putSample(pipeline, join(folder, "day"), truth);
  await pipeline.quiet();

  for (const file of truth.files)
    expect({ name: file.name, ...(await found(pipeline, keyOf(file.name))) }).toEqual({
      name: file.name,
      ...expected(file),
    });
  const records = await pipeline.rows(
    "select source_id, source_record::int as record, reason from {quarantine} order by all",
  );
  const wanted = truth.files.flatMap((file) =>
    file.quarantinedRecords.map(({ record, reason }) => ({
      source_id: sourceIdOf({ bucket: "raw", key: keyOf(file.name) }),
      record,
      reason,
    })),
  );
  expect(new Set(records.map((row) => JSON.stringify(row)))).toEqual(new Set(wanted.map((row) => JSON.stringify(row))));
  const planted = await pipeline.rows(
    "select source_id, source_record::int as record from {gold} where list_contains(flags, 'coordinates-outside-country') order by all",
  );
  const wrong = truth.files.flatMap((file) =>
    file.wrongCountryCodes.map((record) => ({
      source_id: sourceIdOf({ bucket: "raw", key: keyOf(file.name) }),
      record,
    })),
  );
  expect(new Set(planted.map((row) => JSON.stringify(row)))).toEqual(new Set(wrong.map((row) => JSON.stringify(row))));
  expect(await pipeline.unnamed()).toEqual([]);
});

test("files that are no good are parked with their reasons, and the rest of the day goes on", async () => {
  await using closing = new AsyncDisposableStack();
  const folder = closing.adopt(await mkdtemp(join(tmpdir(), "airlake-sample-")), removeFolder);
  const bombBytes = 8 * 1024 * 1024;
  const pipeline = closing.use(await startPipeline({ env: { MAX_INFLATED_BYTES: String(bombBytes - 1) } }));
  const truth = await generateSample({
    folder: join(folder, "day"),
    date: "2018-02-06",
    seed: 5,
    records: 1500,
    badFiles: true,
    bombBytes,
  });

  const keyOf = await putSample(pipeline, join(folder, "day"), truth);
  await pipeline.quiet();

  for (const file of truth.badFiles) {
    const manifest = await pipeline.manifest("cleaner", keyOf(file.name));
    expect({ name: file.name, state: manifest?.state, reason: manifest?.rejection?.reason }).toEqual({
      name: file.name,
      state: "rejected",
      reason: file.reason,
    });
    expect(manifest?.rejection?.detail).toMatch(/\w+.*\.$/s);
  }
  for (const file of truth.files) expect((await found(pipeline, keyOf(file.name)))["kept"]).toBe(file.kept);
  const parked = await pipeline.lake.take(pipeline.queues.clean.deadLetterUrl);
  expect(parked.map((message) => message.attributes["reason"] ?? "").toSorted(byText)).toEqual(
    truth.badFiles.map((file): string => file.reason).toSorted(byText),
  );
});
