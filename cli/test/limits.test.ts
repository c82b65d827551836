/** The command's own limits, at their edges. */
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { dayFile, line } from "./day-file.ts";
import { inProcess } from "./in-process.ts";
import { tempFolder } from "./temp-folder.ts";

interface Place {
  readonly folder: string;
  readonly lake: readonly string[];
}

async function placeWithLake(): Promise<Place> {
  const folder = await tempFolder();
  const lake = ["--lake", join(folder, "lake")];
  await writeFile(join(folder, "a.csv"), dayFile([line(1, 7)]));
  await inProcess(["run", join(folder, "a.csv"), ...lake]);
  return { folder, lake };
}

test("put refuses a file of more than 5 GB before anything is sent", async () => {
  const { folder, lake } = await placeWithLake();
  const file = join(folder, "huge.csv");
  await writeFile(file, "");
  // A hole: it takes no room.
  await truncate(file, 5_000_000_001);

  const told = await inProcess(["put", file, ...lake]);

  expect(told.code).toBe(2);
  expect(told.stderr).toMatch(/has 5\.0+ GB, and a source may have 5\.0+ GB at most/);
  const sources = await inProcess(["sources", "--json", ...lake]);
  expect(sources.stdout).not.toContain("huge");
});

test("query takes a statement of a million characters, and none that is longer", async () => {
  const { lake } = await placeWithLake();
  const statement = (length: number): string => "SELECT 1 AS one".padEnd(length, " ");

  const longest = await inProcess(["query", statement(1_000_000), "--json", ...lake]);
  const longer = await inProcess(["query", statement(1_000_001), "--json", ...lake]);

  expect([longest.code, longest.stdout]).toEqual([0, expect.stringContaining('{"one":1}')]);
  expect(longer.code).toBe(2);
  expect(longer.stderr).toContain("The statement is longer than");
});

test("query shows a person a thousand rows, and a script all of them", async () => {
  const { lake } = await placeWithLake();
  const ask = async (rows: number, ...more: readonly string[]) =>
    (await inProcess(["query", `SELECT * FROM range(${rows}) AS t(n)`, ...more, ...lake])).stdout.trimEnd().split("\n");

  expect((await ask(1000)).at(-1)).toBe("(1,000 rows)");
  expect((await ask(1001)).at(-1)).toBe("(the first 1,000 rows; all of them with --csv or --json)");
  expect(await ask(1001, "--csv")).toHaveLength(1002);
});
