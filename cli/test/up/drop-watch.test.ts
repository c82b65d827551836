import { appendFile, link, mkdir, rename, rm, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";

import { systemClock } from "@airlake/shared/clock";

import type { DroppedFile } from "../../src/up/bringing.ts";
import { openDropMemory } from "../../src/up/drop-memory.ts";
import { createDropWatch } from "../../src/up/drop-watch.ts";
import { tempFolder } from "../temp-folder.ts";

let folder = "";
let drop = "";
let brought: DroppedFile[] = [];
let told: string[] = [];

beforeEach(async () => {
  folder = await tempFolder();
  drop = join(folder, "lake", "drop");
  await mkdir(drop, { recursive: true });
  brought = [];
  told = [];
});

/** Watches until the test ends, or until it is stopped. */
function watch(bring: (file: DroppedFile) => Promise<void> = async () => {}): () => Promise<void> {
  const stopping = new AbortController();
  const dropWatch = createDropWatch(
    {
      clock: systemClock,
      memory: openDropMemory(join(folder, "memory.ndjson")),
      bring: async (file) => {
        brought.push(file);
        await bring(file);
      },
      tell: (path, sentence) => void told.push(`${path}: ${sentence}`),
    },
    {
      folder: drop,
      lakeFolder: join(folder, "lake"),
      naming: { datasets: new Set(["openaq", "rivers"]), otherwise: "openaq" },
    },
  );
  const ended = dropWatch.run(stopping.signal);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await ended;
  };
  onTestFinished(stop);
  return stop;
}

function keys(): readonly string[] {
  return brought.map(({ key }) => key).toSorted();
}

/** A file that comes by a rename, as it is when it is moved in. */
async function moveIn(path: string, text: string): Promise<void> {
  await writeFile(join(folder, "elsewhere"), text);
  await rename(join(folder, "elsewhere"), join(drop, path));
}

describe("the drop folder", () => {
  test("names keys by datasets, and takes what lies there and what is moved there, folders as well", async () => {
    await mkdir(join(drop, "rivers", "2018"), { recursive: true });
    await writeFile(join(drop, "rivers", "2018", "a.csv"), "a");
    await writeFile(join(drop, "rivers.csv"), "b");
    watch();

    await moveIn("c.csv", "c");
    await mkdir(join(folder, "day", "deep"), { recursive: true });
    await writeFile(join(folder, "day", "deep", "d.csv"), "d");
    await rename(join(folder, "day"), join(drop, "day"));

    await expect
      .poll(keys, { timeout: 10_000 })
      .toEqual(["openaq/c.csv", "openaq/day/deep/d.csv", "openaq/rivers.csv", "rivers/2018/a.csv"]);
    await moveIn("day/e.csv", "e");
    await expect.poll(keys, { timeout: 10_000 }).toContain("openaq/day/e.csv");
  });

  test("leaves alone what is hidden or unfinished, what belongs to the lake, and circles", async () => {
    await mkdir(join(folder, "lake", "raw"));
    await writeFile(join(folder, "lake", "raw", "x.csv"), "x");
    await symlink(join(folder, "lake", "raw"), join(drop, "raw"));
    await symlink(drop, join(drop, "again"));
    await mkdir(join(drop, ".git"));
    await writeFile(join(drop, ".git", "config"), "x");
    await writeFile(join(drop, "browser.csv"), "");
    for (const name of ["a.csv.part", "b.TMP", "c.crdownload", ".d.csv", "browser.csv.part"])
      await writeFile(join(drop, name), "x");
    watch();

    await moveIn("good.csv", "good");
    await expect.poll(keys, { timeout: 10_000 }).toEqual(["openaq/good.csv"]);
    await writeFile(join(drop, "last.csv"), "last");
    await expect.poll(keys, { timeout: 10_000 }).toEqual(["openaq/good.csv", "openaq/last.csv"]);

    expect(told.toSorted()).toEqual([
      "again: it is left out: it leads in a circle",
      "raw: it is left out: it belongs to the lake itself",
    ]);
  });

  test("takes each content of a file once, also over a new start, and again when it is touched", async () => {
    await writeFile(join(drop, "a.csv"), "first");
    await utimes(join(drop, "a.csv"), 1, 1);
    const stop = watch();
    await expect.poll(keys, { timeout: 10_000 }).toEqual(["openaq/a.csv"]);

    await moveIn("a.csv", "second");
    await expect.poll(keys, { timeout: 10_000 }).toEqual(["openaq/a.csv", "openaq/a.csv"]);
    await stop();
    watch();
    // By the time this one is whole, the other would have been taken long since.
    await writeFile(join(drop, "b.csv"), "b");
    await expect.poll(keys, { timeout: 10_000 }).toContain("openaq/b.csv");
    expect(keys()).toEqual(["openaq/a.csv", "openaq/a.csv", "openaq/b.csv"]);
    await utimes(join(drop, "a.csv"), 2, 2);

    await expect.poll(keys, { timeout: 10_000 }).toHaveLength(4);
    expect(keys().filter((key) => key === "openaq/a.csv")).toHaveLength(3);
  });

  test("takes one of two files that would have one key, and the other when the first is gone", async () => {
    await mkdir(join(drop, "openaq"));
    watch();
    await moveIn("a.csv", "one");
    await expect.poll(keys, { timeout: 10_000 }).toEqual(["openaq/a.csv"]);

    await moveIn("openaq/a.csv", "two");
    await expect
      .poll(() => told, { timeout: 10_000 })
      .toEqual(["openaq/a.csv: it would become openaq/a.csv, as a.csv did; rename one of them"]);
    await unlink(join(drop, "a.csv"));
    await appendFile(join(drop, "openaq", "a.csv"), "!");

    await expect.poll(keys, { timeout: 10_000 }).toHaveLength(2);
    expect(brought[1]?.path).toBe(join(drop, "openaq", "a.csv"));
  });

  test("takes a file again that was written to while it was brought in, though that may have failed", async () => {
    watch(async ({ path }) => {
      if (brought.length === 1) await appendFile(path, "more");
      if (brought.length === 1) throw new Error("it was written to");
    });
    await moveIn("a.csv", "first");

    await expect.poll(() => brought.map(({ sizeBytes }) => sizeBytes), { timeout: 10_000 }).toEqual([5, 9]);
    expect(told).toEqual([]);
  });

  test("tells once of a file that could not be brought in, and goes on with the others", async () => {
    watch(async ({ key }) => {
      if (key === "openaq/bad.csv") throw new Error("the disk is full\n at somewhere");
    });

    await moveIn("bad.csv", "bad");
    await moveIn("good.csv", "good");

    await expect.poll(keys, { timeout: 10_000 }).toEqual(["openaq/bad.csv", "openaq/good.csv"]);
    await expect
      .poll(() => told)
      .toEqual(["bad.csv: it could not be brought in, and is tried again: the disk is full"]);
  });

  test("that goes away and comes again is taken up again, without forgetting", async () => {
    await writeFile(join(drop, "a.csv"), "a");
    await utimes(join(drop, "a.csv"), 1, 1);
    watch();
    await expect.poll(keys, { timeout: 10_000 }).toEqual(["openaq/a.csv"]);

    await rename(drop, join(folder, "away"));
    await expect.poll(() => told, { timeout: 10_000 }).toHaveLength(1);
    await rename(join(folder, "away"), drop);
    await link(join(drop, "a.csv"), join(drop, "b.csv"));

    await expect.poll(keys, { timeout: 10_000 }).toEqual(["openaq/a.csv", "openaq/b.csv"]);
    await rm(drop, { recursive: true });
  });
});
