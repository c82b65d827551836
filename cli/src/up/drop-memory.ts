/**
 * Remembers which contents of which dropped files were brought in, so that the next `up` does not read them all again, and does not
 * bring back what was taken out by `airlake rm`. A line per file is appended to a file in the lake; without it nothing is lost but time.
 */
import { appendFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { parseJson } from "@airlake/shared/contracts/s3-event";
import { codeOf } from "@airlake/shared/errors";
import { z } from "zod";

const entry = z.object({ path: z.string(), signature: z.string() });

/** Lines that may be out of date before it is worth writing the others again. */
const spareLines = 1000;

export interface DropMemory {
  knows(path: string, signature: string): boolean;
  remember(path: string, signature: string): void;
  forget(path: string): void;
  /** All paths that it knows something of. */
  paths(): Iterable<string>;
  /** Rewrites the file where most of it says nothing any more. */
  tidy(): void;
}

/** Reads what the file says; a file that is not there, or that was cut off by a crash, says less. */
export function openDropMemory(file: string): DropMemory {
  const lines = readAll(file);
  const known = new Map(lines);
  let count = lines.length;
  return {
    knows: (path, signature) => known.get(path) === signature,
    remember: (path, signature) => {
      known.set(path, signature);
      count += 1;
      appendFileSync(file, lineOf(path, signature));
    },
    forget: (path) => void known.delete(path),
    paths: () => known.keys(),
    tidy: () => {
      if (count <= known.size * 2 + spareLines) return;
      const beside = `${file}.${process.pid}.tmp`;
      writeFileSync(beside, [...known].map(([path, signature]) => lineOf(path, signature)).join(""));
      renameSync(beside, file);
      count = known.size;
    },
  };
}

function readAll(file: string): readonly (readonly [string, string])[] {
  return textOf(file)
    .split("\n")
    .flatMap((line) => {
      const read = entry.safeParse(parseJson(line));
      return read.success ? [[read.data.path, read.data.signature] as const] : [];
    });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return "";
    throw error;
  }
}

function lineOf(path: string, signature: string): string {
  // The line's end comes first: a line that a crash cut off must not swallow this one.
  return `\n${JSON.stringify({ path, signature })}`;
}
