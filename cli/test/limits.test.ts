/** The command's own limits, at their edges. */
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { json } from "./airlake.ts";
import { dayFile, line } from "./day-file.ts";
import { inProcess } from "./in-process.ts";
import { tempFolder } from "./temp-folder.ts";

const patient = { timeout: 120_000 };

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

test(
  "a source of more than ten thousand partitions is rejected by the joiner, parked once, and in order otherwise",
  patient,
  async () => {
    const { folder, lake } = await placeWithLake();
    const months = Array.from({ length: 10_001 }, (_, at) =>
      new Date(Date.UTC(1180, at, 6)).toISOString().slice(0, 10),
    );
    const rows = months.map((day) => `A,A,BE,${day}T05:00:00Z,${day}T05:00:00Z,pm25,7,µg/m³,51,4,`);
    const header = "location,city,country,utc,local,parameter,value,unit,latitude,longitude,attribution";
    await writeFile(join(folder, "wide.csv"), `${[header, ...rows].join("\n")}\n`);

    const ran = await inProcess(["run", join(folder, "wide.csv"), "--json", ...lake]);
    const dead = await inProcess(["dlq", "ls", "--json", ...lake]);
    const reconciled = await inProcess(["reconcile", "--json", ...lake]);
    const sources = await inProcess(["sources", "--json", ...lake]);
    const status = await inProcess(["status", "--json", ...lake]);

    expect(ran.code).toBe(1);
    expect(json(sources)).toMatchObject([{ state: "current" }, { state: "rejected", reason: "too-many-partitions" }]);
    expect(json(status)).toMatchObject({ sources: { current: 1, rejected: 1, stale: 0 } });
    expect(json(ran)).toMatchObject({ sources: [{ outcome: "rejected", reason: "too-many-partitions" }] });
    expect(json(dead)).toMatchObject({ groups: [{ stage: "joiner", reason: "too-many-partitions", count: 1 }] });
    expect(json(reconciled)).toMatchObject({ findings: {} });
  },
);

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
