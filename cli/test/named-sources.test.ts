import { execFileSync } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { CommandError } from "../src/command-error.ts";
import { nameSources } from "../src/named-sources.ts";
import { tempFolder } from "./temp-folder.ts";

async function tree(folder: string, files: readonly string[]): Promise<void> {
  for (const file of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), file);
  }
}

async function keys(folder: string, paths: readonly string[], dataset = "openaq"): Promise<readonly string[]> {
  const named = await nameSources(
    paths.map((path) => join(folder, path)),
    { dataset, lakeFolder: join(folder, "lake") },
  );
  return named.sources.map(({ key }) => key);
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CommandError);
  return error instanceof CommandError ? error.message : "";
}

describe("a path", () => {
  test("to a file gives it the key of its name", async () => {
    const folder = await tempFolder();
    await tree(folder, ["in/a.csv", "b.csv"]);

    expect(await keys(folder, ["in/a.csv", "b.csv"])).toEqual(["openaq/a.csv", "openaq/b.csv"]);
    expect(await keys(folder, ["b.csv"], "rivers_2")).toEqual(["rivers_2/b.csv"]);
  });

  test("to a folder gives its files the folder's name and their way inside it", async () => {
    const folder = await tempFolder();
    await tree(folder, ["day/x.csv", "day/deep/er/y z.csv", "day/deep/é+%41.csv"]);
    const expected = ["openaq/day/deep/er/y z.csv", "openaq/day/deep/é+%41.csv", "openaq/day/x.csv"];

    expect(await keys(folder, ["day"])).toEqual(expected);
    expect(await keys(folder, ["day/"])).toEqual(expected);
    expect(await keys(folder, ["day/deep/.."])).toEqual(expected);
  });

  test("may be a pattern, whose files get the keys of their names", async () => {
    const folder = await tempFolder();
    await tree(folder, ["a.csv", "b.csv.gz", "c.txt", ".h.csv", "sub/d.csv", "sub/.git/e.csv"]);

    expect(await keys(folder, ["*.csv"])).toEqual(["openaq/a.csv"]);
    expect(await keys(folder, ["**/*.csv"])).toEqual(["openaq/a.csv", "openaq/d.csv"]);
    expect(await keys(folder, ["**"])).toEqual(["openaq/a.csv", "openaq/b.csv.gz", "openaq/c.txt", "openaq/d.csv"]);
    expect(await keys(folder, ["su?"])).toEqual(["openaq/sub/d.csv"]);
    expect(await refusal(keys(folder, ["*.parquet"]))).toMatch(/^No file matches .*\*\.parquet\.$/);
  });

  test("that is there is never taken as a pattern", async () => {
    const folder = await tempFolder();
    await tree(folder, ["a[1].csv", "a1.csv"]);

    expect(await keys(folder, ["a[1].csv"])).toEqual(["openaq/a[1].csv"]);
  });

  test("given twice counts once", async () => {
    const folder = await tempFolder();
    await tree(folder, ["in/a.csv"]);

    expect(await keys(folder, ["in/a.csv", "in/../in/a.csv", "in/*"])).toEqual(["openaq/a.csv"]);
  });

  test("that would share its key with another is refused, naming both", async () => {
    const folder = await tempFolder();
    await tree(folder, ["one/a.csv", "two/a.csv"]);

    const said = await refusal(keys(folder, ["one/a.csv", "two/a.csv"]));

    expect(said).toBe(`Two files would become openaq/a.csv: ${folder}/one/a.csv and ${folder}/two/a.csv.`);
    expect(await refusal(keys(folder, ["**/a.csv"]))).toContain("Two files would become");
  });

  test("that is not there, or no file, or empty is refused", async () => {
    const folder = await tempFolder();
    await tree(folder, ["a.csv"]);
    execFileSync("mkfifo", [join(folder, "pipe")]);

    expect(await refusal(keys(folder, ["a.csv", "gone.csv"]))).toBe(`${folder}/gone.csv is not there.`);
    expect(await refusal(keys(folder, ["a.csv/inside"]))).toContain("is not there");
    expect(await refusal(keys(folder, ["pipe"]))).toContain("is neither a file nor a folder");
    expect(await refusal(nameSources([""], { dataset: "openaq", lakeFolder: folder }))).toBe("A path is empty.");
  });

  test("inside the lake is refused, and a lake inside a named folder is left out", async () => {
    const folder = await tempFolder();
    await tree(folder, ["a.csv", "lake/raw/openaq/old.csv", "lakeside/b.csv"]);

    expect(await refusal(keys(folder, ["lake/raw/openaq/old.csv"]))).toContain("lies inside the lake itself");
    expect(await refusal(keys(folder, ["lake"]))).toContain("lies inside the lake itself");
    expect(await keys(folder, [""])).toEqual([
      `openaq/${folder.split("/").at(-1)}/a.csv`,
      `openaq/${folder.split("/").at(-1)}/lakeside/b.csv`,
    ]);
    expect(await keys(folder, ["**/*.csv"])).toEqual(["openaq/a.csv", "openaq/b.csv"]);
  });

  test("with a name that cannot stand in a key is refused", async () => {
    const folder = await tempFolder();
    const deep = Array.from({ length: 6 }, () => "d".repeat(200)).join("/");
    await tree(folder, [`in/${deep}/a.csv`]);

    expect(await refusal(keys(folder, ["in"]))).toContain("longer than 1024 bytes");
    expect(await refusal(keys(folder, ["in"], "Open AQ"))).toContain("is no name for a dataset");
    expect(await refusal(keys(folder, ["in"], "../x"))).toContain("is no name for a dataset");
    expect(await refusal(nameSources(["/"], { dataset: "openaq", lakeFolder: folder }))).toContain("has no name");
  });
});

describe("a folder", () => {
  test("keeps hidden files back, and says so", async () => {
    const folder = await tempFolder();
    await tree(folder, ["day/.DS_Store", "day/.git/config", "day/a.csv"]);

    const named = await nameSources([join(folder, "day")], { dataset: "openaq", lakeFolder: join(folder, "lake") });

    expect(named.sources.map(({ key, sizeBytes }) => [key, sizeBytes])).toEqual([["openaq/day/a.csv", 9]]);
    expect(named.skipped.map(({ path, why }) => [path.slice(folder.length), why])).toEqual([
      ["/day/.DS_Store", "hidden"],
      ["/day/.git", "hidden"],
    ]);
  });

  test("takes a hidden file that is named itself", async () => {
    const folder = await tempFolder();
    await tree(folder, [".a.csv"]);

    expect(await keys(folder, [".a.csv"])).toEqual(["openaq/.a.csv"]);
  });

  test("follows links, but none in a circle or to nothing", async () => {
    const folder = await tempFolder();
    await tree(folder, ["elsewhere/b.csv", "day/a.csv"]);
    await symlink(join(folder, "elsewhere"), join(folder, "day", "linked"));
    await symlink(join(folder, "day"), join(folder, "elsewhere", "back"));
    await symlink(join(folder, "day", "a.csv"), join(folder, "day", "same.csv"));
    await symlink("nowhere", join(folder, "day", "broken"));
    await symlink("self", join(folder, "day", "self"));

    const named = await nameSources([join(folder, "day")], { dataset: "openaq", lakeFolder: join(folder, "lake") });

    expect(named.sources.map(({ key }) => key)).toEqual([
      "openaq/day/a.csv",
      "openaq/day/linked/b.csv",
      "openaq/day/same.csv",
    ]);
    expect(named.skipped.map(({ path, why }) => [path.slice(folder.length), why])).toEqual([
      ["/day/broken", "leads nowhere"],
      ["/day/linked/back", "leads in a circle"],
      ["/day/self", "leads nowhere"],
    ]);
  });

  test("without a file to take is refused", async () => {
    const folder = await tempFolder();
    await tree(folder, ["day/.hidden"]);

    expect(await refusal(keys(folder, ["day"]))).toContain("There is no file to take in");
  });

  test("of any tree gives each file one key, from which its path can be told", async () => {
    const segment = fc
      .string({ minLength: 1, maxLength: 8, unit: fc.constantFrom(...Array.from("aZ09 ._-+%é水'\"\\&=\n")) })
      .filter((text) => !text.startsWith("."));
    const paths = fc.uniqueArray(fc.array(segment, { minLength: 1, maxLength: 3 }), {
      minLength: 1,
      maxLength: 6,
      // A name cannot be a file and a folder at once, and some disks do not tell upper from lower case.
      selector: (parts) => parts[0]?.toLowerCase(),
    });

    await fc.assert(
      fc.asyncProperty(paths, async (trees) => {
        const folder = await tempFolder();
        const files = trees.map((parts) => parts.join("/"));
        await tree(join(folder, "named"), files);

        expect((await keys(folder, ["named"])).toSorted()).toEqual(
          files.map((file) => `openaq/named/${file}`).toSorted(),
        );
      }),
      { numRuns: 40 },
    );
  });
});
