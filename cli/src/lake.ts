/**
 * The lake's folder: `airlake.json` says that it is one, and of which version.
 * Nothing is written into a folder that holds something else, and a lake that could not be made leaves nothing behind.
 */
import { constants } from "node:fs";
import { access, mkdir, readFile, readdir, rename, rm, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";

import { parseJson } from "@airlake/shared/contracts/s3-event";
import { codeOf } from "@airlake/shared/errors";
import { CommandError, diskFault } from "./command-error.ts";
import { typed } from "./hint.ts";

const markerName = "airlake.json";
const contract = "lake/1";

/** An opened lake. */
export interface Lake {
  /** Absolute path. */
  readonly folder: string;
  /** As the person gave it, for messages and for what to type next. */
  readonly shown: string;
}

/**
 * Opens the lake in a folder. "create" makes it where there is none, "write" and "read" want it to be there.
 * Throws CommandError: no lake, another version, other files, not a folder, not writable, disk full.
 */
export async function openLake(shown: string, want: "create" | "write" | "read"): Promise<Lake> {
  const folder = resolve(shown);
  // DuckDB takes what follows a question mark for parameters of the file's name.
  if (folder.includes("?")) {
    throw new CommandError(
      `${shown} has a question mark in its path, which the catalog cannot lie under.`,
      "Give another place with --lake DIR.",
    );
  }
  const found = await lookAt(folder, shown);
  if (found === "lake") {
    if (want !== "read") await checkWritable(folder, shown);
    return { folder, shown };
  }
  if (want !== "create") {
    throw new CommandError(`There is no lake at ${shown}.`, `Make one with: ${typed("airlake run YOUR_FILES", shown)}`);
  }
  await create(folder, found === "nothing");
  return { folder, shown };
}

async function lookAt(folder: string, shown: string): Promise<"lake" | "empty" | "nothing"> {
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return "nothing";
    if (codeOf(error) === "ENOTDIR") {
      throw new CommandError(`${shown} is a file, and a lake is a folder.`, "Give another place with --lake DIR.", {
        cause: error,
      });
    }
    throw diskFault(error) ?? error;
  }
  if (names.includes(markerName)) {
    await checkMarker(folder, shown);
    return "lake";
  }
  const others = names.filter((name) => !isLitter(name));
  if (others.length === 0) return "empty";
  const some = others.toSorted().slice(0, 3).join(", ");
  throw new CommandError(
    `${shown} is no lake, but holds other files (${some}${others.length > 3 ? `, and ${others.length - 3} more` : ""}).`,
    "Give an empty or a new folder with --lake DIR.",
  );
}

/** What a file browser, or a run that was killed while it made the lake, leaves in a folder that is empty otherwise. */
function isLitter(name: string): boolean {
  return name === ".DS_Store" || (name.startsWith(`.${markerName}.`) && name.endsWith(".tmp"));
}

async function checkMarker(folder: string, shown: string): Promise<void> {
  const path = join(folder, markerName);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw (
      diskFault(error) ?? new CommandError(`${join(shown, markerName)} cannot be read.`, undefined, { cause: error })
    );
  });
  const found = contractIn(text);
  if (found === undefined) {
    throw new CommandError(
      `${join(shown, markerName)} is damaged: it should be {"contract":"${contract}"}.`,
      "Mend that file if this is a lake of this version, or give another folder with --lake DIR.",
    );
  }
  if (found === contract) return;
  throw new CommandError(
    `${shown} is a lake of another version (${found.slice(0, 40)}; this airlake reads ${contract}).`,
    "Use the airlake that made it, or give another folder with --lake DIR.",
  );
}

function contractIn(text: string): string | undefined {
  const json = parseJson(text);
  if (typeof json !== "object" || json === null || !("contract" in json)) return undefined;
  return typeof json.contract === "string" ? json.contract : undefined;
}

async function checkWritable(folder: string, shown: string): Promise<void> {
  try {
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new CommandError(
      `The lake ${shown} cannot be written: ${codeOf(error) === "EROFS" ? "the disk is read-only" : "permission is denied"}.`,
      "Give a folder that you can write to with --lake DIR.",
      { cause: error },
    );
  }
}

async function create(folder: string, isNew: boolean): Promise<void> {
  const firstMade = isNew ? await makeFolder(folder) : undefined;
  const temporary = join(folder, `.${markerName}.${process.pid}.tmp`);
  try {
    await writeFile(temporary, `${JSON.stringify({ contract })}\n`, { flag: "wx" });
    await rename(temporary, join(folder, markerName));
  } catch (error) {
    await unlink(temporary).catch(() => {});
    if (firstMade !== undefined) await removeEmpty(folder, firstMade);
    throw lakeFault(folder, error);
  }
}

/** The topmost folder that had to be made, so that a failure can take all of them back. */
async function makeFolder(folder: string): Promise<string | undefined> {
  try {
    return await mkdir(folder, { recursive: true });
  } catch (error) {
    throw lakeFault(folder, error);
  }
}

function lakeFault(folder: string, error: unknown): Error {
  if (codeOf(error) === "ENOTDIR" || codeOf(error) === "EEXIST") {
    return new CommandError(`${folder} cannot be made: a file is in the way.`, "Give another place with --lake DIR.", {
      cause: error,
    });
  }
  const fault = diskFault(error);
  if (fault === undefined)
    return new CommandError(`The lake ${folder} cannot be made.`, "Give another place with --lake DIR.", {
      cause: error,
    });
  return new CommandError(
    `The lake ${folder} cannot be made: ${fault.message.split(":")[0]?.toLowerCase() ?? "unknown"}.`,
    fault.next,
    { cause: error },
  );
}

async function removeEmpty(folder: string, upTo: string): Promise<void> {
  for (let at = folder; ; at = resolve(at, "..")) {
    const gone = await rmdir(at).then(
      () => true,
      () => false,
    );
    if (!gone || at === upTo) return;
  }
}

/** Bytes on disk below a folder; what goes away meanwhile counts as nothing. */
export async function sizeOnDisk(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const size = await stat(join(entry.parentPath, entry.name)).then(
      (facts) => facts.size,
      () => 0,
    );
    bytes += size;
  }
  return bytes;
}

/** A folder beside the lake's objects for what is no object: queues, scratch, logs. */
export async function privateFolder(lake: Lake, name = ""): Promise<string> {
  const folder = join(lake.folder, ".airlake", basename(name));
  await mkdir(folder, { recursive: true });
  return folder;
}

/** Takes away a folder and all in it, without an error where it is gone already. */
export async function discard(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
