/** Many small files, `up` ended in the middle of them, and what an undisturbed run makes of them. */
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";

import { json } from "../airlake.ts";
import { dayFile, line } from "../day-file.ts";
import { inProcess } from "../in-process.ts";
import { tempFolder } from "../temp-folder.ts";
import { lakeRows } from "./lake-rows.ts";
import { type UpProcess, startUp } from "./up-process.ts";

export const sourceCount = 24;

/** Every record by what it says, whatever made it. */
export async function allRows(lake: string): Promise<readonly unknown[]> {
  return lakeRows(
    lake,
    "SELECT format, location, utc, value, country, year, month FROM measurements ORDER BY utc, value",
  );
}

async function writeMany(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (let at = 0; at < sourceCount; at += 1)
    await writeFile(join(folder, `${at}.csv`), dayFile([line(at, at), line((at + 1) % 24, `${at}.5`)]));
}

export async function undisturbedRows(): Promise<readonly unknown[]> {
  const cwd = await tempFolder();
  await writeMany(join(cwd, "many"));
  await inProcess(["run", join(cwd, "many"), "--lake", join(cwd, "lake")]);
  return allRows(join(cwd, "lake"));
}

export interface EndedUp {
  readonly up: UpProcess;
  readonly code: number | null;
  /** Sources that were through by then. */
  readonly through: number;
}

/** Starts `up` on the files, and ends it in the middle of its work. */
export async function endInTheMiddle(cwd: string, signal: "SIGTERM" | "SIGKILL"): Promise<EndedUp> {
  const lake = join(cwd, "lake");
  const up = startUp(cwd);
  await up.ready();
  await writeMany(join(cwd, "many"));
  await rename(join(cwd, "many"), join(lake, "drop", "many"));
  const silver = join(lake, "silver", "openaq", "clean");
  const parts = async (): Promise<number> => (existsSync(silver) ? (await readdir(silver)).length : 0);
  await expect.poll(parts, { timeout: 20_000, interval: 5 }).toBeGreaterThan(1);
  const code = await up.end(signal);
  const sources = json(await inProcess(["sources", "--json", "--lake", lake])) as readonly { partitions: number }[];
  return { up, code, through: sources.filter(({ partitions }) => partitions > 0).length };
}

/** Starts `up` anew, waits until as many rows are there, and gives its exit code. */
export async function goOn(cwd: string, rowCount: number): Promise<number | null> {
  const up = startUp(cwd);
  await expect
    .poll(async () => (await allRows(join(cwd, "lake"))).length, { timeout: 70_000, interval: 300 })
    .toBe(rowCount);
  return up.end("SIGTERM");
}
