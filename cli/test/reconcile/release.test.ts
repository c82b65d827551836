import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";

import { json } from "../airlake.ts";
import { dayFile, line } from "../day-file.ts";
import { inProcess } from "../in-process.ts";
import { tempFolder } from "../temp-folder.ts";

let cwd = "";
let lake: readonly string[] = [];

/** Pack 2 keeps more negative values than pack 1, and none of zero. */
beforeEach(async () => {
  cwd = await tempFolder();
  const folder = join(cwd, "datasets", "openaq");
  await cp(new URL("../../../datasets", import.meta.url), join(cwd, "datasets"), { recursive: true });
  const definition = JSON.parse(await readFile(join(folder, "dataset.json"), "utf8")) as object;
  const packs = { rulePacks: { 1: "rules-1.sql", 2: "rules-2.sql" } };
  await writeFile(join(folder, "dataset.json"), JSON.stringify({ ...definition, ...packs }));
  const rules = await readFile(join(folder, "rules-1.sql"), "utf8");
  const changed = rules.replaceAll("ELSE -5 END", "ELSE CASE WHEN value = 3 THEN 4 ELSE -50 END END");
  expect(changed).not.toBe(rules);
  await writeFile(join(folder, "rules-2.sql"), changed);
  vi.stubEnv("DATASETS_FOLDER", join(cwd, "datasets"));
  onTestFinished(() => void vi.unstubAllEnvs());
  await mkdir(join(cwd, "day"));
  await writeFile(join(cwd, "day", "a.csv"), dayFile([line(1), line(2, -20), line(3, -30), line(4, 3)]));
  await writeFile(join(cwd, "day", "b.csv"), dayFile([line(5), line(6, "nothing")]));
  lake = ["--lake", join(cwd, "lake")];
  await inProcess(["run", join(cwd, "day"), ...lake]);
});

async function rows(): Promise<unknown> {
  const sql = "SELECT * EXCLUDE (source_id) FROM measurements ORDER BY ALL";
  return json(await inProcess(["query", sql, "--json", ...lake]));
}

async function release(rulePack: number, ...args: readonly string[]): Promise<unknown> {
  return json(await inProcess(["quarantine", "release", "--rule-pack", `${rulePack}`, "--json", ...args, ...lake]));
}

describe("quarantine release", { timeout: 120_000 }, () => {
  test("plans which records another rule pack would move, does exactly that, and back again", async () => {
    const before = await rows();

    const plan = await release(2);
    const untouched = await rows();
    const done = await release(2, "--yes");
    const values = json(await inProcess(["query", "SELECT value FROM measurements ORDER BY value", "--json", ...lake]));
    const back = await release(1, "--yes");

    const a = { key: "openaq/day/a.csv", keptNow: 2, keptThen: 3, quarantinedThen: 1, released: 2, back: 1 };
    expect(plan).toMatchObject({ sources: 2, changing: [a], released: 2, back: 1 });
    expect(untouched).toEqual(before);
    expect(done).toMatchObject({ changing: [a], done: 2, notAsPlanned: [] });
    expect(values).toEqual([-30, -20, 11, 15].toSorted((x, y) => x - y).map((value) => ({ value })));
    expect(back).toMatchObject({ released: 1, back: 2, done: 2, notAsPlanned: [] });
    expect(await rows()).toEqual(before);
  });

  test("carries out the plan that was seen, and no other", async () => {
    const { hash } = (await release(2)) as { readonly hash: string };
    await writeFile(join(cwd, "day", "b.csv"), dayFile([line(5), line(6, -10)]));
    await inProcess(["run", join(cwd, "day"), ...lake]);

    const refused = await inProcess(["quarantine", "release", "--rule-pack", "2", "--yes", "--plan", hash, ...lake]);
    const told = await inProcess(["quarantine", "release", "--rule-pack", "2", ...lake]);
    const lacking = await inProcess(["quarantine", "release", "--rule-pack", "3", ...lake]);

    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain(`The plan is not ${hash} any more`);
    expect(told.code).toBe(0);
    expect(told.stdout).toContain(
      "Rule pack 2 would release 3 records and quarantine 1 that are kept now, in 2 of 2 sources.",
    );
    expect(told.stdout).toContain("Nothing was changed. To do it: airlake quarantine release --rule-pack 2");
    expect(lacking).toMatchObject({ code: 2 });
    expect(lacking.stderr).toContain("has no rule pack 3; it has 1, 2");
  });
});

describe("quarantine ls --by", { timeout: 120_000 }, () => {
  test("counts records by what is asked for, as they were delivered", async () => {
    const ls = async (by: string) => inProcess(["quarantine", "ls", "--by", by, "--json", ...lake]);

    const by = json(await ls("country,parameter,reason"));
    const table = await inProcess(["quarantine", "ls", "--by", "source", ...lake]);
    const wrong = await inProcess(["quarantine", "ls", "--by", "colour", ...lake]);

    const place = { country: "BE", parameter: "pm25" };
    expect(by).toEqual([
      { ...place, reason: "negative-value", records: 2, sources: 1 },
      { ...place, reason: "bad-value", records: 1, sources: 1 },
    ]);
    expect(table.stdout.split("\n")).toEqual([
      "source            records  in",
      "openaq/day/a.csv        2  1 source",
      "openaq/day/b.csv        1  1 source",
      "",
    ]);
    expect(wrong.stderr).toContain("It must be of reason, source, country, parameter.");
  });
});
