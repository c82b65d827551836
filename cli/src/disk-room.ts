/** Whether the disk has room, asked before anything is written. */
import { stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathOfKey } from "@airlake/shared/embedded/object-paths";
import { codeOf } from "@airlake/shared/errors";

import { CommandError } from "./command-error.ts";
import type { NamedSource } from "./named-sources.ts";
import { sized } from "./text.ts";

/**
 * Throws CommandError where the disk could not even hold the files as they are: then nothing is begun.
 * `folder` is the lake's, whether it is there or not.
 */
export async function diskRoomFor(folder: string, sources: readonly NamedSource[]): Promise<void> {
  const freeBytes = await freeBytesAt(folder);
  const allBytes = sources.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (freeBytes > 0 && freeBytes >= allBytes) return;
  // Only now, for it asks for each file: what the lake holds already takes no new room.
  let newBytes = 0;
  for (const source of sources)
    if ((await sizeInLake(folder, source.key)) !== source.sizeBytes) newBytes += source.sizeBytes;
  if (freeBytes > 0 && freeBytes >= newBytes) return;
  throw new CommandError(
    `The disk is full: there is room for ${sized(freeBytes)} at ${folder}, the files need ${sized(newBytes)} and the lake as much again.`,
    "Free some space, or give a folder on another disk with --lake DIR.",
  );
}

/** Of the nearest folder that is there. */
async function freeBytesAt(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    // What is wrong with the folder is told by whoever opens it.
    if (codeOf(error) !== "ENOENT" || dirname(folder) === folder) return Infinity;
    return freeBytesAt(dirname(folder));
  }
}

async function sizeInLake(folder: string, key: string): Promise<number | undefined> {
  try {
    return (await stat(join(folder, "raw", pathOfKey(key)))).size;
  } catch {
    return undefined;
  }
}
