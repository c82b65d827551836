/** The folder where attempts work, and what dead workers left there. */
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import type { Clock } from "../clock.ts";
import { codeOf } from "../errors.ts";
import { isAlive } from "../is-alive.ts";

/** What mkdtemp makes of a worker's name: no folder of anybody else looks so. */
const attemptFolder = /^[a-z][a-z-]*-[A-Za-z0-9]{6}$/;
/** How the folder begins that a DuckDB instance spills into; the id of its process follows. */
export const spillPrefix = "duckdb-spill.";
const processOfSpill = /^(\d+)-[A-Za-z0-9]{6}$/;
/** An instance touches its folder every minute; this long a machine may have slept. */
const spillSilenceMs = 3_600_000;

/**
 * Makes the folder where it is missing, and removes what was left there by the killed: folders of attempts that nothing has been
 * written to for longer than an attempt may take, and folders that DuckDB spilled into, whose process is no more.
 */
export async function openScratch(folder: string, attemptDeadlineSeconds: number, clock: Clock): Promise<void> {
  await mkdir(folder, { recursive: true });
  const nowMs = clock.now().getTime();
  for (const name of await readdir(folder)) {
    const silenceMs = attemptFolder.test(name) ? attemptDeadlineSeconds * 1000 : silenceOfSpill(name);
    if (silenceMs === undefined) continue;
    try {
      const path = join(folder, name);
      if ((await stat(path)).mtimeMs < nowMs - silenceMs) await rm(path, { recursive: true, force: true });
    } catch (error) {
      // Its own worker, or another that starts now, was faster.
      if (codeOf(error) !== "ENOENT") throw error;
    }
  }
}

/** Undefined for what is no such folder, or in use. Its time is asked for too: a process in another container looks dead from here. */
function silenceOfSpill(name: string): number | undefined {
  const [, pid] = (name.startsWith(spillPrefix) && processOfSpill.exec(name.slice(spillPrefix.length))) || [];
  return pid === undefined || isAlive(Number(pid)) ? undefined : spillSilenceMs;
}
