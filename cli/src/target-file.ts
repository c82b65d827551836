/** A file that a person wants a result in: it appears whole or not at all, and replaces another only where that is wished for. */
import { link, rename, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { codeOf } from "@airlake/shared/errors";

import { CommandError } from "./command-error.ts";

export interface TargetFile {
  readonly file: string;
  /** Replaces a file that is there. */
  readonly force: boolean;
}

/** Throws CommandError where the file could not be written in the end: before the work that it is for. */
export async function checkTarget({ file, force }: TargetFile): Promise<void> {
  const there = await kindOf(file);
  if (there === "folder") throw new CommandError(`${file} is a folder.`, "Give the path of a file.");
  if (there === "file" && !force) throw isThere(file);
  if ((await kindOf(dirname(file))) !== "folder")
    throw new CommandError(`${file} cannot be written: its folder is not there.`, "Make the folder first.");
}

/** Moves a file that is whole, and on the same disk, to where it is wanted. */
export async function putInPlace(written: string, { file, force }: TargetFile): Promise<void> {
  if (force) return rename(written, file);
  try {
    // Unlike a rename, this fails where a file has come meanwhile.
    await link(written, file);
  } catch (error) {
    if (codeOf(error) === "EEXIST") throw isThere(file);
    // Not every file system has hard links.
    if ((await kindOf(file)) !== "nothing") throw isThere(file);
    await rename(written, file);
  }
}

async function kindOf(path: string): Promise<"file" | "folder" | "nothing"> {
  try {
    return (await stat(path)).isDirectory() ? "folder" : "file";
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return "nothing";
    throw error;
  }
}

function isThere(file: string): CommandError {
  return new CommandError(
    `${file} is there already.`,
    `Give another name than ${basename(file)}, or add --force to replace it.`,
  );
}
