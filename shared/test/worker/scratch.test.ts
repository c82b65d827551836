import { mkdir, mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { systemClock } from "../../src/clock.ts";
import { openScratch } from "../../src/worker/scratch.ts";

test("removes what attempts left that were killed, and nothing that may be in use or somebody else's", async () => {
  await using closing = new AsyncDisposableStack();
  const folder = closing.adopt(await mkdtemp(join(tmpdir(), "scratch-test-")), async (path) =>
    rm(path, { recursive: true }),
  );
  // No system gives a process so high an id.
  const spills = { dead: "duckdb-spill.999999999-aB3xYz", mine: `duckdb-spill.${process.pid}-aB3xYz` };
  const recent = "duckdb-spill.999999999-recent";
  const old = ["cleaner-aB3xYz", "joiner-Zz09aa", spills.dead, spills.mine, "duckdb-spill", "photos"];
  for (const name of [...old, "cleaner-recent", recent]) {
    await mkdir(join(folder, name, "inside"), { recursive: true });
  }
  const threeHoursAgo = new Date(Date.now() - 3 * 3600 * 1000);
  for (const name of old) await utimes(join(folder, name), threeHoursAgo, threeHoursAgo);

  await openScratch(folder, 7200, systemClock);

  expect((await readdir(folder)).toSorted()).toEqual(
    ["cleaner-recent", spills.mine, recent, "duckdb-spill", "photos"].toSorted(),
  );
});

test("makes the folder where it is missing", async () => {
  await using closing = new AsyncDisposableStack();
  const folder = closing.adopt(await mkdtemp(join(tmpdir(), "scratch-test-")), async (path) =>
    rm(path, { recursive: true }),
  );

  await openScratch(join(folder, "a", "b"), 7200, systemClock);

  expect(await readdir(join(folder, "a"))).toEqual(["b"]);
});
