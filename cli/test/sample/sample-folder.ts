/** A folder of its own for each sample of a test, and all of them gone at the end. */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { generateSample } from "../../src/sample/generate.ts";
import type { SampleOptions } from "../../src/sample/generate.ts";
import type { SampleTruth } from "../../src/sample/truth.ts";

export type Sample = { readonly folder: string; readonly truth: SampleTruth };

export type SampleMaker = AsyncDisposable & {
  readonly emptyFolder: () => Promise<string>;
  readonly make: (options: Partial<SampleOptions>) => Promise<Sample>;
};

export async function createSampleMaker(): Promise<SampleMaker> {
  const root = await mkdtemp(join(tmpdir(), "airlake-sample-"));
  const emptyFolder = async (): Promise<string> => join(await mkdtemp(join(root, "s-")), "files");
  return {
    emptyFolder,
    make: async (options) => {
      const folder = options.folder ?? (await emptyFolder());
      const defaults = { folder, date: "2018-02-06", seed: 1, records: 500, badFiles: false };
      return { folder, truth: await generateSample({ ...defaults, ...options }) };
    },
    [Symbol.asyncDispose]: async () => rm(root, { recursive: true, force: true }),
  };
}

/** SHA-256 by file name. */
export async function digests(folder: string): Promise<Readonly<Record<string, string>>> {
  const names = (await readdir(folder)).toSorted();
  const entries = names.map(async (name) => {
    const bytes = await readFile(join(folder, name));
    return [name, createHash("sha256").update(bytes).digest("hex")] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}
