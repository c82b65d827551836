import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { DuckDBInstance } from "@duckdb/node-api";
import { expect, onTestFinished, test } from "vitest";

import { isTransient } from "../src/errors.ts";

test("a full disk may pass by itself, whoever tells it", () => {
  const byNode = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  const byDuckDb = new Error('IO Error: Could not write file "/scratch/gold-0.parquet": No space left on device');

  expect([byNode, byDuckDb].map(isTransient)).toEqual([true, true]);
  expect(isTransient(new Error("IO Error: Could not read the footer"))).toBe(false);
});

test("so may spills of DuckDB that have filled what was free, and not a lack of memory", async () => {
  const folder = await mkdtemp(join(tmpdir(), "airlake-spill-"));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  const failsWith = async (settings: string): Promise<string> => {
    const instance = await DuckDBInstance.create(":memory:", { threads: "1", memory_limit: "32MiB" });
    const connection = await instance.connect();
    await connection.run(settings);
    const filling = connection.run("CREATE TABLE t AS SELECT hash(i)::VARCHAR || hash(i + 1) FROM range(3000000) r(i)");
    const error: unknown = await filling.catch((one: unknown) => one);
    connection.closeSync();
    instance.closeSync();
    return `${error instanceof Error ? error.message.split("\n")[0] : ""}: ${isTransient(error)}`;
  };

  expect(await failsWith(`SET temp_directory = '${folder}'; SET max_temp_directory_size = '4MiB'`)).toMatch(
    /failed to offload data block .*: true$/,
  );
  expect(await failsWith("SET temp_directory = ''")).toMatch(/could not allocate block .*: false$/);
});
