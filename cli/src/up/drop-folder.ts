/** The drop folder of a lake: where it is, and where it must not be. */
import { createHash } from "node:crypto";
import { mkdir, realpath, stat } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { codeOf } from "@airlake/shared/errors";

import { CommandError, diskFault } from "../command-error.ts";
import { type Lake, privateFolder } from "../lake.ts";
import type { DropPlace } from "./walk-drop.ts";

export interface DropFolder extends DropPlace {
  /** As the person knows it. */
  readonly shown: string;
  /** Where it is remembered what was brought in. */
  readonly memoryFile: string;
}

/** Makes the folder where it is missing. Throws CommandError where it cannot be, or belongs to the lake. */
export async function openDropFolder(lake: Lake, given: string | undefined): Promise<DropFolder> {
  const shown = given ?? join(lake.shown, "drop");
  const folder = await made(given === undefined ? join(lake.folder, "drop") : resolve(given), shown);
  const lakeFolder = await realpath(lake.folder);
  const way = relative(lakeFolder, folder);
  if (way === "" || ["raw", "silver", "gold", "ops", ".airlake"].includes(way.split(sep)[0] ?? "")) {
    throw new CommandError(
      `${shown} belongs to the lake itself, and cannot be the drop folder.`,
      "Give a folder of its own with --drop FOLDER.",
    );
  }
  // Named by the way from the lake: a lake that is moved with its drop folder still remembers.
  const name = createHash("sha256").update(way).digest("hex").slice(0, 8);
  return { folder, lakeFolder, shown, memoryFile: join(await privateFolder(lake), `drop-${name}.ndjson`) };
}

async function made(folder: string, shown: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true });
    if ((await stat(folder)).isDirectory()) return await realpath(folder);
  } catch (error) {
    if (codeOf(error) !== "EEXIST" && codeOf(error) !== "ENOTDIR") throw diskFault(error) ?? error;
  }
  throw new CommandError(
    `${shown} cannot be the drop folder: a file is in the way.`,
    "Give a folder with --drop FOLDER.",
  );
}
