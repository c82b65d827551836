import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { createScratchFolders } from "../../src/worker/scratch-folders.ts";

async function openParent(closing: AsyncDisposableStack): Promise<string> {
  return closing.adopt(await mkdtemp(join(tmpdir(), "scratch-folders-test-")), async (path) =>
    rm(path, { recursive: true }),
  );
}

test("no two attempts have one folder at a time, and each finds its own empty", async () => {
  await using closing = new AsyncDisposableStack();
  const parent = await openParent(closing);
  const folders = closing.use(createScratchFolders(parent, "cleaner"));
  const first = await folders.take();
  {
    await using second = await folders.take();
    expect(second.path).not.toBe(first.path);
    await mkdir(join(second.path, "inside"));
    await writeFile(join(second.path, "inside", "records.csv"), "1");
    await writeFile(join(second.path, "clean.parquet"), "2");
  }
  const third = await folders.take();

  expect(third.path).not.toBe(first.path);
  expect(await readdir(third.path)).toEqual([]);
  expect(await readdir(parent)).toHaveLength(2);
  await Promise.all([first[Symbol.asyncDispose](), third[Symbol.asyncDispose]()]);
});

test("one that another worker took for abandoned is not missed", async () => {
  await using closing = new AsyncDisposableStack();
  const parent = await openParent(closing);
  const folders = closing.use(createScratchFolders(parent, "joiner"));
  const { path } = await folders.take().then(async (folder) => {
    await folder[Symbol.asyncDispose]();
    return folder;
  });
  await rm(path, { recursive: true });

  await using next = await folders.take();
  await writeFile(join(next.path, "clean.parquet"), "1");

  expect(await readdir(parent)).toHaveLength(1);
});

test("one that vanishes under an attempt is no trouble to the next", async () => {
  await using closing = new AsyncDisposableStack();
  const parent = await openParent(closing);
  const folders = closing.use(createScratchFolders(parent, "joiner"));
  {
    await using folder = await folders.take();
    await rm(folder.path, { recursive: true });
  }

  await using next = await folders.take();

  expect(await readdir(next.path)).toEqual([]);
});

test("one that is taken again does not look abandoned", async () => {
  await using closing = new AsyncDisposableStack();
  const parent = await openParent(closing);
  const folders = closing.use(createScratchFolders(parent, "joiner"));
  const first = await folders.take();
  await first[Symbol.asyncDispose]();
  const hoursAgo = new Date(Date.now() - 3 * 3_600_000);
  await utimes(first.path, hoursAgo, hoursAgo);

  await using next = await folders.take();

  expect(Date.now() - (await stat(next.path)).mtimeMs).toBeLessThan(60_000);
});

test("nothing is left at the end", async () => {
  await using closing = new AsyncDisposableStack();
  const parent = await openParent(closing);
  {
    await using folders = createScratchFolders(parent, "joiner");
    await using folder = await folders.take();
    await writeFile(join(folder.path, "gold-0.parquet"), "1");
  }

  expect(await readdir(parent)).toEqual([]);
});
