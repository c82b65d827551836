/**
 * Parts that were brought to this machine before, in the system's folder for temporary files. A part's key belongs to one attempt
 * and is never written again: what was brought under it once is right for ever.
 */
import { createHash } from "node:crypto";
import { link, lstat, mkdir, readdir, rm, stat, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf } from "@airlake/shared/errors";

export interface PartCache {
  /** Gives the part a second name at `path`, which must not be there. False where it was never brought, or is not whole. */
  take(key: string, sizeBytes: number, path: string): Promise<boolean>;
  /** Keeps the file at `path` as the part. What cannot be kept is no trouble. */
  keep(key: string, path: string): Promise<void>;
  /** Deletes what was not asked for longest, until no more than `maxBytes` are kept. */
  sweep(maxBytes: number): Promise<void>;
}

/** Undefined where there is no place that is this user's alone. */
export async function openPartCache(): Promise<PartCache | undefined> {
  const user = process.getuid?.();
  if (user === undefined) return undefined;
  const folder = join(tmpdir(), `airlake-parts-${user}`);
  if (!(await isOwn(folder, user))) return undefined;
  const fileOf = (key: string): string => join(folder, createHash("sha256").update(key).digest("hex"));
  return {
    take: async (key, sizeBytes, path) =>
      orFalse(async () => {
        const file = fileOf(key);
        if ((await stat(file)).size !== sizeBytes) return false;
        await link(file, path);
        const now = new Date();
        await utimes(file, now, now);
        return true;
      }),
    keep: async (key, path) => {
      await orFalse(async () => link(path, fileOf(key)).then(() => true));
    },
    sweep: async (maxBytes) => sweep(folder, maxBytes),
  };
}

/** Anybody may make a folder of that name there: it counts only where it is ours, and closed to others. */
async function isOwn(folder: string, user: number): Promise<boolean> {
  return orFalse(async () => {
    await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
      if (codeOf(error) !== "EEXIST") throw error;
    });
    const facts = await lstat(folder);
    return facts.isDirectory() && facts.uid === user && (facts.mode & 0o077) === 0;
  });
}

async function sweep(folder: string, maxBytes: number): Promise<void> {
  const found = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const path = join(folder, name);
      // Another command may sweep as well.
      return stat(path).then(
        ({ size, mtimeMs }) => ({ path, size, mtimeMs }),
        () => undefined,
      );
    }),
  );
  let kept = 0;
  for (const file of found.filter((one) => one !== undefined).toSorted((a, b) => b.mtimeMs - a.mtimeMs)) {
    kept += file.size;
    if (kept > maxBytes) await rm(file.path, { force: true });
  }
}

/** A cache that cannot be read or written is none. */
async function orFalse(work: () => Promise<boolean>): Promise<boolean> {
  try {
    return await work();
  } catch (error) {
    if (codeOf(error) !== undefined) return false;
    throw error;
  }
}
