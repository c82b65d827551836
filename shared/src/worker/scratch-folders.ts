/**
 * The folders that attempts work in, one each. An emptied one is kept for the next attempt: a file system that has just removed
 * thousands of folders and files takes long to make another (ext4 looks at every inode that was freed within the last minutes).
 */
import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { join } from "node:path";

import { codeOf } from "../errors.ts";

export interface ScratchFolder extends AsyncDisposable {
  /** Empty when it is taken. Disposing removes what is in it then. */
  readonly path: string;
}

/** Disposing removes those that nobody has. */
export interface ScratchFolders extends AsyncDisposable {
  take(): Promise<ScratchFolder>;
}

/** Folders under `parent`, which is there, named after the worker: so `openScratch` knows what a killed one left. */
export function createScratchFolders(parent: string, worker: string): ScratchFolders {
  const idle: string[] = [];
  const take = async (): Promise<string> => {
    for (let path = idle.pop(); path !== undefined; path = idle.pop()) if (await isStillThere(path)) return path;
    return mkdtemp(join(parent, `${worker}-`));
  };
  return {
    async take() {
      const path = await take();
      return {
        path,
        async [Symbol.asyncDispose]() {
          if (await isEmptied(path)) idle.push(path);
        },
      };
    },
    async [Symbol.asyncDispose]() {
      for (const path of idle.splice(0)) await rm(path, { recursive: true, force: true });
    },
  };
}

/** False where the folder itself is gone: what was in it was to go anyway. */
async function isEmptied(path: string): Promise<boolean> {
  try {
    for (const name of await readdir(path)) await rm(join(path, name), { recursive: true, force: true });
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}

/** Says at once that it is in use again: another worker that starts now removes what has been silent for long. */
async function isStillThere(path: string): Promise<boolean> {
  try {
    await utimes(path, new Date(), new Date());
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}
