import { chmod, mkdir, readFile, readdir, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { openPartCache } from "../../src/query/aws/part-cache.ts";
import { tempFolder } from "../temp-folder.ts";

let folder: string;
let kept: string;
beforeEach(async () => {
  folder = await tempFolder();
  vi.stubEnv("TMPDIR", folder);
  kept = join(tmpdir(), `airlake-parts-${process.getuid?.()}`);
});
afterEach(() => void vi.unstubAllEnvs());

test("gives a part that was brought before, but none that is not whole", async () => {
  const cache = await openPartCache();
  await writeFile(join(folder, "brought"), "12345");
  await cache?.keep("gold/a.parquet", join(folder, "brought"));

  const whole = await cache?.take("gold/a.parquet", 5, join(folder, "taken"));
  const other = await cache?.take("gold/b.parquet", 5, join(folder, "none"));
  const cut = await cache?.take("gold/a.parquet", 6, join(folder, "none"));

  expect([whole, other, cut]).toEqual([true, false, false]);
  expect(await readFile(join(folder, "taken"), "utf8")).toBe("12345");
});

test("forgets first what was not asked for longest", async () => {
  const cache = await openPartCache();
  for (const [at, name] of ["a", "b", "c"].entries()) {
    await writeFile(join(folder, name), "12345");
    await cache?.keep(name, join(folder, name));
    await utimes(join(folder, name), at, at);
  }
  await cache?.take("a", 5, join(folder, "taken"));

  await cache?.sweep(10);

  const left = await Promise.all(
    ["a", "b", "c"].map(async (name) => cache?.take(name, 5, join(folder, `${name}-left`))),
  );
  expect(left).toEqual([true, false, true]);
  expect(await readdir(kept)).toHaveLength(2);
});

test("is none where the folder is open to others", async () => {
  await mkdir(kept);
  await chmod(kept, 0o755);

  expect(await openPartCache()).toBeUndefined();
});
