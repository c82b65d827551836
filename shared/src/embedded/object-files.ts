/** Objects as files: where one lies, how it comes there, how it goes. What changes a bucket's folder runs under the write lock. */
import { createHash } from "node:crypto";
import { createReadStream, linkSync, lstatSync, mkdirSync, renameSync, rmdirSync, unlinkSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { dirname, join } from "node:path";
import { codeOf } from "../errors.ts";
import { makeFolders } from "./folders.ts";
import { pathOfKey, spareMark } from "./object-paths.ts";

/** A file that holds an object. */
export interface ObjectFile {
  readonly path: string;
  /** Inode, time of change (ns) and size: another content has another stamp, as every write makes a new file. */
  readonly stamp: string;
  readonly sizeBytes: number;
}

/** The file of a key; undefined where there is none. Links and folders are no objects. */
export function locateFile(bucketFolder: string, key: string): ObjectFile | undefined {
  const path = join(bucketFolder, pathOfKey(key));
  return fileAt(path) ?? fileAt(path + spareMark);
}

export function fileAt(path: string): ObjectFile | undefined {
  const stats = statsAt(path);
  return stats?.isFile() === true ? { path, stamp: stampOf(stats), sizeBytes: Number(stats.size) } : undefined;
}

export function stampOf(stats: BigIntStats): string {
  return `${stats.ino}:${stats.mtimeNs}:${stats.size}`;
}

/** Gives a file a second name. False where that cannot be: it is gone, on another disk, or on one that knows no links. */
export function linkIfCan(path: string, name: string): boolean {
  try {
    linkSync(path, name);
    return true;
  } catch (error) {
    if (["ENOENT", "EXDEV", "EPERM", "ENOTSUP", "EOPNOTSUPP", "EMLINK"].includes(String(codeOf(error)))) return false;
    throw error;
  }
}

/** Moves a finished upload to its key's place, in one step: a reader sees the old content or the new. */
export function moveIntoPlace(staged: string, bucketFolder: string, key: string): void {
  const path = join(bucketFolder, pathOfKey(key));
  const stats = statsAt(path);
  const isTaken = stats?.isDirectory() === true || (stats === undefined && statsAt(path + spareMark) !== undefined);
  const target = isTaken ? path + spareMark : path;
  try {
    renameSync(staged, target);
  } catch (error) {
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ENOTDIR") throw error;
    makeFolder(bucketFolder, dirname(target));
    renameSync(staged, target);
  }
}

/** Takes a key's file away, and the folders that are empty then. */
export function removeFile(bucketFolder: string, key: string): void {
  const path = join(bucketFolder, pathOfKey(key));
  if (statsAt(path)?.isDirectory() !== true) unlinkIfThere(path);
  unlinkIfThere(path + spareMark);
  for (let folder = dirname(path); folder.length > bucketFolder.length; folder = dirname(folder)) {
    if (!removeIfEmpty(folder)) return;
  }
}

/** MD5 in hex of a file's content, streamed. */
export async function md5OfFile(path: string): Promise<string> {
  const hash = createHash("md5");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

/** Makes a key's folders. A file in the way is the object of a shorter key: it moves to its spare name, where it is found too. */
function makeFolder(bucketFolder: string, folder: string): void {
  const missing: string[] = [];
  for (let at = folder; at.length > bucketFolder.length; at = dirname(at)) missing.unshift(at);
  makeFolders(bucketFolder);
  for (const at of missing) {
    const stats = statsAt(at);
    if (stats?.isFile() === true) renameSync(at, at + spareMark);
    if (stats?.isDirectory() !== true) mkdirSync(at);
  }
}

function statsAt(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (codeOf(error) === "ENOTDIR" || codeOf(error) === "ENAMETOOLONG") return undefined;
    throw error;
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ENOTDIR") throw error;
  }
}

function removeIfEmpty(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return true;
    // Some systems say EEXIST for a folder that is not empty.
    if (codeOf(error) === "ENOTEMPTY" || codeOf(error) === "EEXIST" || codeOf(error) === "ENOTDIR") return false;
    throw error;
  }
}
