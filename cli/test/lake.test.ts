import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { CommandError } from "../src/command-error.ts";
import { openLake, sizeOnDisk } from "../src/lake.ts";
import { tempFolder } from "./temp-folder.ts";

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CommandError);
  return error instanceof CommandError ? `${error.message} ${error.next ?? ""}` : "";
}

describe("the lake's folder", () => {
  test("is made with its contract where there is nothing", async () => {
    const folder = join(await tempFolder(), "deep", "lake");

    const lake = await openLake(folder, "create");

    expect(lake.folder).toBe(folder);
    expect(await readdir(folder)).toEqual(["airlake.json"]);
    expect(JSON.parse(await readFile(join(folder, "airlake.json"), "utf8"))).toEqual({ contract: "lake/1" });
  });

  test("is made in an empty folder, also one with a file browser's litter or a killed run's half file", async () => {
    const folder = await tempFolder();
    await writeFile(join(folder, ".DS_Store"), "");
    await writeFile(join(folder, ".airlake.json.123.tmp"), "{");

    await openLake(folder, "create");

    expect(await readdir(folder)).toContain("airlake.json");
  });

  test("is opened again as it is", async () => {
    const folder = join(await tempFolder(), "lake");
    await openLake(folder, "create");
    await writeFile(join(folder, "airlake.json"), `{"contract":"lake/1","made":"by hand"}`);

    await openLake(folder, "create");
    await openLake(folder, "read");

    expect(await readFile(join(folder, "airlake.json"), "utf8")).toContain("by hand");
  });

  test("is refused where it holds other files, and nothing is written", async () => {
    const folder = await tempFolder();
    for (const name of ["a.txt", "b.txt", "c.txt", "d.txt"]) await writeFile(join(folder, name), "mine");

    const said = await refusal(openLake(folder, "create"));

    expect(said).toContain("is no lake, but holds other files (a.txt, b.txt, c.txt, and 1 more)");
    expect(said).toContain("--lake DIR");
    expect(await readdir(folder)).toEqual(["a.txt", "b.txt", "c.txt", "d.txt"]);
  });

  test("is refused where it is of another version, naming both versions", async () => {
    const folder = await tempFolder();
    await writeFile(join(folder, "airlake.json"), `{"contract":"lake/2"}`);

    expect(await refusal(openLake(folder, "create"))).toMatch(
      /another version \(lake\/2; this airlake reads lake\/1\)/,
    );
    expect(await refusal(openLake(folder, "read"))).toContain("lake/2");
  });

  test.each(["", "{", "[]", `{"contract":1}`, "null"])("is refused where airlake.json is damaged: %j", async (text) => {
    const folder = await tempFolder();
    await writeFile(join(folder, "airlake.json"), text);

    expect(await refusal(openLake(folder, "write"))).toContain("airlake.json is damaged");
  });

  test("is refused where a file stands in its place, or on the way to it", async () => {
    const folder = await tempFolder();
    await writeFile(join(folder, "file"), "x");

    expect(await refusal(openLake(join(folder, "file"), "create"))).toContain("is a file, and a lake is a folder");
    expect(await refusal(openLake(join(folder, "file", "lake"), "create"))).toContain("is a file");
    expect(await readdir(folder)).toEqual(["file"]);
  });

  test("is missed by what only reads or changes one, which says how to make it", async () => {
    const folder = join(await tempFolder(), "none");

    expect(await refusal(openLake(folder, "read"))).toContain(`airlake run YOUR_FILES --lake ${folder}`);
    expect(await refusal(openLake(folder, "write"))).toContain("There is no lake");
    await expect(readdir(folder)).rejects.toThrow("ENOENT");
  });

  test("is refused below a name with a question mark, under which the catalog cannot lie", async () => {
    const folder = join(await tempFolder(), "what?", "lake");

    expect(await refusal(openLake(folder, "create"))).toContain("question mark");
  });

  test("counts its bytes", async () => {
    const folder = await tempFolder();
    await mkdir(join(folder, "a", "b"), { recursive: true });
    await writeFile(join(folder, "a", "b", "c"), Buffer.alloc(1000));
    await writeFile(join(folder, "d"), Buffer.alloc(24));

    expect(await sizeOnDisk(folder)).toBe(1024);
  });
});
