/** The folder where attempts work, and what dead workers left there. */
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import type { Clock } from "../clock.ts";
import { codeOf } from "../errors.ts";

/** What mkdtemp makes of a worker's name: no folder of anybody else looks so. */
const attemptFolder = /^[a-z][a-z-]*-[A-Za-z0-9]{6}$/;

/**
 * Makes the folder where it is missing, and removes what attempts left there that were killed: folders that nothing has been
 * written to for longer than an attempt may take.
 */
export async function openScratch(folder: string, attemptDeadlineSeconds: number, clock: Clock): Promise<void> {
  await mkdir(folder, { recursive: true });
  const oldestMs = clock.now().getTime() - attemptDeadlineSeconds * 1000;
  for (const name of await readdir(folder)) {
    if (!attemptFolder.test(name)) continue;
    try {
      const path = join(folder, name);
      if ((await stat(path)).mtimeMs < oldestMs) await rm(path, { recursive: true, force: true });
    } catch (error) {
      // Its own worker, or another that starts now, was faster.
      if (codeOf(error) !== "ENOENT") throw error;
    }
  }
}
