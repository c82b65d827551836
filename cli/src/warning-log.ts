/** What the services warn of, kept beside the lake: the newest of it, and never more than twice `mostBytes`. */
import { appendFileSync, renameSync, statSync } from "node:fs";

import { codeOf } from "@airlake/shared/errors";

const mostBytes = 8 * 1024 * 1024;

/** Appends lines to the file. A full one becomes `<file>.old`, in the place of the one before. */
export function createWarningLog(file: string, most = mostBytes): (line: string) => void {
  return (line) => {
    // Asked each time, for others may write to it too: warnings are rare.
    const { size = 0 } = statSync(file, { throwIfNoEntry: false }) ?? {};
    if (size > 0 && size + Buffer.byteLength(line) > most) setAside(file);
    appendFileSync(file, line);
  };
}

function setAside(file: string): void {
  try {
    renameSync(file, `${file}.old`);
  } catch (error) {
    // Another process was faster.
    if (codeOf(error) !== "ENOENT") throw error;
  }
}
