import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import type { ObjectStore } from "../../src/object-store.ts";
import { putParts } from "../../src/stage/put-parts.ts";
import type { PartFile } from "../../src/stage/types.ts";

const settings = { buckets: { silver: "silver", gold: "gold" } };
const hand = { lease: { isOver: () => false, check: () => {} }, signal: new AbortController().signal };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "airlake-put-parts-"));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

test("a store that never looks at a body does no harm, even where its file is gone already", async () => {
  const refuse = async (): Promise<never> => {
    throw new Error("refused");
  };

  const putting = putParts({ s3: storeOf(refuse), settings }, [fileNamed("never-written")], hand);

  await expect(putting).rejects.toThrow("refused");
  // The stream finds out that there is no file, at the latest, before another question to the file system is answered.
  for (let asked = 0; asked < 5; asked += 1) await stat(folder);
});

test("the failure of one part is told when the others have arrived, and no more are begun", async () => {
  const files = await Promise.all(Array.from({ length: 12 }, async (_, at) => written(`part-${at}`)));
  const arrivals: (() => void)[] = [];
  let begun = 0;
  const send = async (): Promise<object> => {
    begun += 1;
    if (begun === 1) throw new Error("refused");
    await new Promise<void>((resolve) => arrivals.push(resolve));
    return {};
  };

  let isTold = false;
  const putting = putParts({ s3: storeOf(send), settings }, files, hand).catch((error: unknown) => {
    isTold = true;
    return error;
  });
  await expect.poll(() => arrivals.length).toBe(7);
  expect(isTold).toBe(false);
  for (const arrive of arrivals) arrive();

  expect(await putting).toMatchObject({ message: "refused" });
  expect(begun).toBe(8);
});

async function written(name: string): Promise<PartFile> {
  await writeFile(join(folder, name), name);
  return fileNamed(name);
}

function fileNamed(name: string): PartFile {
  const part = {
    bucket: "gold" as const,
    key: name,
    rows: 1,
    bytes: name.length,
    role: "gold" as const,
    partition: "",
  };
  return { file: join(folder, name), part };
}

function storeOf(send: () => Promise<object>): ObjectStore {
  return { send };
}
