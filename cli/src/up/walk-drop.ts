/** Walks the drop folder, and looks at single files in it. Nothing here changes anything. */
import { readdir, realpath, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { codeOf } from "@airlake/shared/errors";

import { unfinishedEndings } from "./drop-keys.ts";
import type { FileFacts } from "./settling.ts";

/** Told of what lies in the folder; paths are inside it, with `/`, and "" for the folder itself. */
export interface Walker {
  /** A name that may be a file, or a link to one. */
  file(path: string): void;
  /** A folder whose names were read. */
  folder(path: string): void;
  /** What is not gone into, and why. */
  leave(path: string, why: string): void;
  /** Whether to go into a folder at all. */
  wants(path: string): boolean;
}

export interface DropPlace {
  /** Absolute path without links. */
  readonly folder: string;
  /** The lake's, absolute and without links: what lies in it is no source. The drop folder itself may lie in it. */
  readonly lakeFolder: string;
}

/** Walks a folder and all below it. False where the folder cannot be read; what goes away meanwhile is no fault. */
export async function walkDrop(place: DropPlace, from: string, walker: Walker): Promise<boolean> {
  return walkFolder(place, { path: from, above: [] }, walker);
}

interface Here {
  readonly path: string;
  /** The folders on the way here, without links: a link to one of them leads in a circle. */
  readonly above: readonly string[];
}

async function walkFolder(place: DropPlace, here: Here, walker: Walker): Promise<boolean> {
  try {
    const real = await realpath(join(place.folder, here.path));
    if (here.above.includes(real)) walker.leave(here.path, "it leads in a circle");
    else if (isInside(place.lakeFolder, real) && !isInside(place.folder, real))
      walker.leave(here.path, "it belongs to the lake itself");
    else await walkNames(place, { ...here, above: [...here.above, real] }, walker);
    return true;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    if (codeOf(error) !== "ENOENT") walker.leave(here.path, `it cannot be read (${codeOf(error)})`);
    return false;
  }
}

/** Whether a path is the folder, or lies in it; both absolute and without links. */
function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`));
}

async function walkNames(place: DropPlace, here: Here, walker: Walker): Promise<void> {
  const entries = await readdir(join(place.folder, here.path), { withFileTypes: true });
  walker.folder(here.path);
  for (const entry of entries) {
    const path = here.path === "" ? entry.name : `${here.path}/${entry.name}`;
    if (entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(join(place.folder, path))))) {
      if (walker.wants(path)) await walkFolder(place, { ...here, path }, walker);
    } else if (entry.isFile() || entry.isSymbolicLink()) walker.file(path);
    else walker.leave(path, "it is neither file nor folder");
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
}

/** What lies at a path now. */
export type Look = FileFacts | "folder" | "nothing";

/** Looks at one path. Throws with the system's code where it cannot be looked at. */
export async function lookAt(path: string): Promise<Look> {
  try {
    const facts = await stat(path, { bigint: true });
    if (facts.isDirectory()) return "folder";
    if (!facts.isFile()) return "nothing";
    const seen: FileFacts = {
      sizeBytes: Number(facts.size),
      writtenNs: facts.mtimeNs,
      changedNs: facts.ctimeNs,
      inode: facts.ino,
    };
    return seen.sizeBytes === 0 && (await isPlaceholder(path)) ? "nothing" : seen;
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(codeOf(error) ?? "")) return "nothing";
    throw error;
  }
}

/** Browsers hold the place of a download with an empty file, and write beside it. */
async function isPlaceholder(path: string): Promise<boolean> {
  const beside = await Promise.all(unfinishedEndings.map(async (ending) => isThere(`${path}${ending}`)));
  return beside.includes(true);
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
