import { appendFile, cp, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";

import { json } from "./airlake.ts";
import { dayFile, line } from "./day-file.ts";
import { inProcess } from "./in-process.ts";
import { tempFolder } from "./temp-folder.ts";

interface Told {
  readonly sources: number;
  readonly done: number;
  readonly unchanged: number;
  readonly rejected: number;
  readonly rejections: readonly { readonly key: string; readonly reason: string }[];
  readonly seconds: number;
}

let cwd = "";
let datasets = "";
let lake: readonly string[] = [];

/** Own definitions, so that a test can change them; two good sources and one that is none. */
beforeEach(async () => {
  cwd = await tempFolder();
  datasets = join(cwd, "datasets");
  await cp(new URL("../../datasets", import.meta.url), datasets, { recursive: true });
  await mkdir(join(cwd, "day"));
  await writeFile(join(cwd, "day", "a.csv"), dayFile([line(1), line(2)]));
  await writeFile(join(cwd, "day", "b.csv"), dayFile([line(3)]));
  vi.stubEnv("DATASETS_FOLDER", datasets);
  onTestFinished(() => void vi.unstubAllEnvs());
  lake = ["--lake", join(cwd, "lake")];
  await inProcess(["run", join(cwd, "day"), ...lake]);
});

async function reprocess(...args: readonly string[]): Promise<Told & { readonly code: number | null }> {
  const ran = await inProcess(["reprocess", ...args, "--json", ...lake]);
  return { code: ran.code, ...(json(ran) as Told) };
}

/** Gives the dataset a second rule pack, which is the first with another number. */
async function addRulePack(): Promise<void> {
  const folder = join(datasets, "openaq");
  await copyFile(join(folder, "rules-1.sql"), join(folder, "rules-2.sql"));
  const definition = JSON.parse(await readFile(join(folder, "dataset.json"), "utf8")) as { rulePacks: object };
  await writeFile(
    join(folder, "dataset.json"),
    JSON.stringify({ ...definition, rulePacks: { ...definition.rulePacks, 2: "rules-2.sql" } }),
  );
}

describe("reprocess", { timeout: 60_000 }, () => {
  test("does again what was made under another definition, once, and only what is asked for", async () => {
    const unchanged = await reprocess();
    await appendFile(join(datasets, "openaq", "rules-1.sql"), "\n-- another word\n");

    const one = await reprocess("openaq/day/a");
    const rest = await reprocess();

    expect(unchanged).toMatchObject({ code: 0, sources: 2, done: 0, unchanged: 2, rejected: 0 });
    expect(one).toMatchObject({ code: 0, sources: 1, done: 1, unchanged: 0 });
    expect(rest).toMatchObject({ code: 0, sources: 2, done: 1, unchanged: 1 });
  });

  test("goes over to another rule pack, and refuses one that the dataset lacks", async () => {
    const lacking = await inProcess(["reprocess", "--rule-pack", "2", ...lake]);
    await addRulePack();
    await reprocess();

    const over = await reprocess("--rule-pack", "2");

    const packs = await inProcess(["query", "SELECT DISTINCT rule_pack FROM sources", "--json", ...lake]);
    expect(lacking).toMatchObject({ code: 2, stdout: "" });
    expect(lacking.stderr).toContain("has no rule pack 2; it has 1");
    expect(over).toMatchObject({ code: 0, done: 2 });
    expect(json(packs)).toEqual([{ rule_pack: 2 }]);
    expect(await readFile(join(cwd, "lake", "ops", "rules", "openaq.json"), "utf8")).toBe(
      '{"contract":"wanted-rules/1","rulePack":2}\n',
    );
  });

  test("finds what was put into raw by hand, and ends with 1 where a source is no good", async () => {
    const raw = join(cwd, "lake", "raw");
    await mkdir(join(raw, "rivers"));
    await writeFile(join(raw, "rivers", "c.csv"), dayFile([line(4)]));
    await writeFile(join(raw, "openaq", "notes.txt"), "dear diary");
    await writeFile(join(raw, "openaq", "day", "a.csv"), dayFile([line(5)]));

    const told = await reprocess();
    const ofDataset = await reprocess("--dataset", "openaq");

    expect(told).toMatchObject({ code: 1, sources: 4, done: 1, unchanged: 1, rejected: 2 });
    expect(told.rejections.map(({ key, reason }) => [key, reason])).toEqual([
      ["openaq/notes.txt", "unrecognised-format"],
      ["rivers/c.csv", "unknown-dataset"],
    ]);
    expect(ofDataset).toMatchObject({ code: 1, sources: 3, unchanged: 2, rejected: 1 });
  });

  test("tells in a line what it cannot do, and then does nothing", async () => {
    const nothing = await inProcess(["reprocess", "openaq/day/x", "--rule-pack", "1", ...lake]);
    const dataset = await inProcess(["reprocess", "--dataset", "rivers", ...lake]);
    const number = await inProcess(["reprocess", "--rule-pack", "0", ...lake]);
    const noLake = await inProcess(["reprocess", "--lake", join(cwd, "nowhere")]);

    expect([nothing.code, dataset.code, number.code, noLake.code]).toEqual([2, 2, 2, 2]);
    expect(nothing.stderr).toContain("No source's key begins with openaq/day/x");
    expect(dataset.stderr).toContain("There is no dataset rivers");
    expect(noLake.stderr).toContain("There is no lake at");
    await expect(readFile(join(cwd, "lake", "ops", "rules", "openaq.json"))).rejects.toThrow("ENOENT");
  });
});
