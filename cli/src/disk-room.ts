/** Whether the disk has room, asked before anything is written. */
import { statfs } from "node:fs/promises";

import { CommandError } from "./command-error.ts";
import type { Lake } from "./lake.ts";
import type { NamedSource } from "./named-sources.ts";
import { sized } from "./text.ts";

/** Throws CommandError where the disk could not even hold the files as they are: then nothing is begun. */
export async function diskRoomFor(lake: Lake, sources: readonly NamedSource[]): Promise<void> {
  const { bavail, bsize } = await statfs(lake.folder);
  const freeBytes = bavail * bsize;
  // What the lake holds already takes no new room; asking object by object is not worth it where there is plenty.
  const neededBytes = sources.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (freeBytes > 0 && freeBytes >= neededBytes) return;
  throw new CommandError(
    `The disk is full: ${lake.shown} has room for ${sized(freeBytes)}, the files need ${sized(neededBytes)} and the lake as much again.`,
    "Free some space, or give a folder on another disk with --lake DIR.",
  );
}
