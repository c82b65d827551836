// The benchmark is no test of speed here: only that it runs, and that the bare statement beside it still does the same job.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import { expect, test } from "vitest";

import { root } from "./tracked.ts";

test("the benchmark measures a small day, and its bare statement gives the pipeline's rows", async () => {
  const args = [join(root, "bench/main.ts"), "day", "--records", "500", "--rounds", "1", "--json"];

  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 55_000 });

  const [whole] = (JSON.parse(stdout) as { day: { tables: { notes: string[]; rows: [string, number][] }[] } }).day
    .tables;
  expect(whole?.notes[0]).toMatch(/^All 49\d rows of both are equal, column by column\.$/u);
  expect(whole?.rows.map(([name, wall]) => [name, wall > 0])).toEqual([
    ["bare statement", true],
    ["airlake, PUT to quiet", true],
  ]);
}, 60_000);
