import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { fixturesFolder } from "@airlake/shared/testing/fixtures";
import { describe, expect, test } from "vitest";

import type { FileTruth } from "../../src/sample/truth.ts";
import { createSampleMaker } from "./sample-folder.ts";

type Records = Readonly<Record<string, readonly number[]>>;
type Verdict = Pick<FileTruth, "format" | "read" | "kept" | "quarantined" | "reasons" | "flags" | "partitions"> & {
  readonly reason_records: Records;
  readonly flag_records: Records;
};

const run = promisify(execFile);
const watcher = fileURLToPath(new URL("oracle-by-record.py", import.meta.url));
const fixtures = fixturesFolder();
// Before 3.11, csv refuses NUL and fromisoformat refuses most fractions.
const hasPython = spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 11))"]).status === 0;
if (!hasPython && process.env["AIRLAKE_REQUIRE_FIXTURES"] === "1") {
  throw new Error("AIRLAKE_REQUIRE_FIXTURES is set, but there is no python3 of 3.11 or later");
}
const missing = fixtures === undefined ? "no fixtures folder" : hasPython ? "" : "no python3 of 3.11 or later";

async function judged(folder: string, files: readonly FileTruth[]): Promise<readonly Verdict[]> {
  const oracle = join(fixtures ?? "", "oracle.py");
  const paths = files.map((file) => join(folder, file.name));
  const { stdout } = await run("python3", [watcher, oracle, ...paths], { maxBuffer: 1 << 28 });
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Verdict);
}

function recordsByReason(file: FileTruth): Records {
  const records: Record<string, number[]> = {};
  for (const { record, reason } of file.quarantinedRecords) (records[reason] ??= []).push(record);
  return records;
}

/** Missing and unknown codes, less those whose coordinates say nothing. */
function derivable({ flag_records: flags }: Verdict): readonly number[] {
  const placeless = new Set(
    ["coordinates-missing", "coordinates-out-of-range", "coordinates-near-zero"].flatMap((flag) => flags[flag] ?? []),
  );
  return [...(flags["country-missing"] ?? []), ...(flags["country-unknown"] ?? [])]
    .filter((record) => !placeless.has(record))
    .toSorted((a, b) => a - b);
}

const seeds = Array.from({ length: 20 }, (_, index) => index * 7919 + 1);

describe.skipIf(missing !== "")(`the truth of a sample, held against the oracle ${missing && `(${missing})`}`, () => {
  test.concurrent.each(seeds)("is what the oracle finds in every file, record by record: seed %i", async (seed) => {
    await using maker = await createSampleMaker();
    const { folder, truth } = await maker.make({ seed, records: 1500 });

    const verdicts = await judged(folder, truth.files);

    expect(verdicts).toHaveLength(truth.files.length);
    for (const [index, verdict] of verdicts.entries()) {
      const file = truth.files[index]!;
      const { name, format, read, kept, quarantined, reasons, flags, partitions } = file;
      expect({ name, format, read, kept, quarantined, reasons, flags, partitions }).toEqual({
        name,
        format: verdict.format,
        read: verdict.read,
        kept: verdict.kept,
        quarantined: verdict.quarantined,
        reasons: verdict.reasons,
        flags: verdict.flags,
        partitions: verdict.partitions,
      });
      expect(recordsByReason(file)).toEqual(verdict.reason_records);
      expect(file.joinedFlags["country-derived"].records).toEqual(derivable(verdict));
    }
  });

  test("is what the oracle finds on other days and at the default size", async () => {
    await using maker = await createSampleMaker();
    const samples = [
      await maker.make({ seed: 42, records: 20_000 }),
      await maker.make({ seed: 43, date: "2024-02-29" }),
      await maker.make({ seed: 44, date: "2001-09-10" }),
      await maker.make({ seed: -45, date: "2024-12-31", records: 100 }),
    ];

    for (const { folder, truth } of samples) {
      const verdicts = await judged(folder, truth.files);

      expect(truth.files.map(recordsByReason)).toEqual(verdicts.map((verdict) => verdict.reason_records));
      expect(truth.files.map((file) => file.flags)).toEqual(verdicts.map((verdict) => verdict.flags));
      expect(truth.files.map((file) => file.partitions)).toEqual(verdicts.map((verdict) => verdict.partitions));
    }
  });
});
