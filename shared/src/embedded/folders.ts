import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf } from "../errors.ts";

/** Makes a folder and those above it. Unlike `mkdir -p` of Node, it says EROFS or EACCES where that is the reason, not ENOENT. */
export function makeFolders(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (codeOf(error) === "EEXIST" && statSync(path).isDirectory()) return;
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    makeFolders(dirname(path));
    makeFolders(path);
  }
}
