import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { openDuckDb } from "../src/duckdb.ts";
import type { DuckDb } from "../src/duckdb.ts";

/** Sorts more than the memory limit holds; the sum tells whether a row was lost or changed on its way through the disk. */
const sorting = (seed: number): string => `
  SELECT sum(hash(a || b) % 1000000 * (place % 97))::VARCHAR AS total FROM (
    SELECT *, row_number() OVER (ORDER BY b, a) AS place FROM (
      SELECT (i * ${seed})::VARCHAR || repeat('x', 40) AS a, hash(i + ${seed})::VARCHAR || repeat('y', 30) AS b
      FROM range(800000) AS numbers(i)))`;

async function sum(duckdb: DuckDb, seed: number): Promise<unknown> {
  using session = await duckdb.connect(new AbortController().signal);
  return (await session.rows(sorting(seed)))[0];
}

test("two instances that share a scratch folder spill side by side, and leave nothing there", async () => {
  const scratch = await mkdtemp(join(tmpdir(), "airlake-spill-"));
  const open = async (): Promise<DuckDb> => openDuckDb({ threads: 1, memoryLimitMb: 72, scratch });
  const [one, two] = [await open(), await open()];
  const alone = [await sum(one, 3), await sum(two, 5)];

  const together = await Promise.all([sum(one, 3), sum(two, 5)]);
  one[Symbol.dispose]();
  two[Symbol.dispose]();

  expect(together).toEqual(alone);
  expect(await readdir(scratch)).toEqual([]);
  await rm(scratch, { recursive: true, force: true });
});
