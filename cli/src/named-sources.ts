/** From the paths that a person gives to the sources of the lake: which file becomes which key. Nothing is read or written here but names. */
import { constants } from "node:fs";
import { access, glob, readdir, realpath, stat } from "node:fs/promises";
import { basename, join, relative, resolve, sep } from "node:path";

import { maxKeyBytes } from "@airlake/shared/contracts/keys";
import { codeOf } from "@airlake/shared/errors";

import { CommandError } from "./command-error.ts";

/** A file and the key that it gets in the raw bucket. */
export interface NamedSource {
  readonly key: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/** What lies in a named folder and is not taken. */
export interface Skipped {
  readonly path: string;
  readonly why: "hidden" | "leads in a circle" | "leads nowhere" | "neither file nor folder" | "the lake itself";
}

export interface Named {
  /** Sorted by key. */
  readonly sources: readonly NamedSource[];
  readonly skipped: readonly Skipped[];
}

export interface NamingOptions {
  readonly dataset: string;
  /** Absolute path of the lake: never read as a source. Undefined for a lake that is in no folder. */
  readonly lakeFolder: string | undefined;
  /** What stands between the dataset's name and the file's in a key: `` unless given, else it ends with a slash. */
  readonly below?: string;
}

interface Walk extends NamingOptions {
  readonly found: Map<string, NamedSource & { readonly realPath: string }>;
  readonly skipped: Skipped[];
}

/**
 * The sources that files, folders and patterns name. A file becomes `<dataset>/<file name>`, a file in a named folder
 * `<dataset>/<folder name>/<path inside it>`; `below` comes after the dataset. A pattern stands for the files that match it.
 * Throws CommandError for a path that is not there, cannot be read, or would share its key with another.
 */
export async function nameSources(paths: readonly string[], options: NamingOptions): Promise<Named> {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(options.dataset)) {
    throw new CommandError(
      `${JSON.stringify(options.dataset)} is no name for a dataset.`,
      "A dataset's name has lower-case letters, digits and _, and begins with a letter, as in --dataset openaq.",
    );
  }
  const walk: Walk = { ...options, found: new Map(), skipped: [] };
  for (const path of paths) await takeArgument(walk, path);
  if (walk.found.size === 0) throw nothingFound(paths, walk.skipped);
  return {
    sources: [...walk.found.values()].map(({ key, path, sizeBytes }) => ({ key, path, sizeBytes })).toSorted(byKey),
    skipped: walk.skipped,
  };
}

/** The order of keys everywhere in the command: by their bytes, as S3 lists them. */
export function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  return Buffer.compare(Buffer.from(a.key), Buffer.from(b.key));
}

async function takeArgument(walk: Walk, path: string): Promise<void> {
  if (path === "")
    throw new CommandError("A path is empty.", "Give files, folders or patterns, as in: airlake run data/*.csv");
  const kind = await kindOf(path);
  if (kind === "nothing") {
    if (!/[*?[{]/.test(path)) throw new CommandError(`${path} is not there.`, "Check the path; nothing was uploaded.");
    await takePattern(walk, path);
    return;
  }
  if (kind === "other")
    throw new CommandError(
      `${path} is neither a file nor a folder.`,
      "Save its content as a file first; nothing was uploaded.",
    );
  if (insideLake(walk, await realpath(path))) {
    throw new CommandError(
      `${path} lies inside the lake itself.`,
      "Name files outside of it, or another lake with --lake DIR.",
    );
  }
  if (kind === "file") await takeFile(walk, path, basename(path));
  else await takeFolder(walk, path);
}

async function takePattern(walk: Walk, pattern: string): Promise<void> {
  const wantsHidden = basename(pattern).startsWith(".");
  let matched = 0;
  for await (const path of glob(pattern)) {
    // `**` names what is below by itself; a folder taken as well would give each file a second key.
    const kind = await kindOf(path);
    if (kind === "folder" && pattern.includes("**")) continue;
    matched += 1;
    const hidden = path.split(sep).some((part) => part.startsWith(".") && part !== "." && part !== "..");
    if (hidden && !wantsHidden) walk.skipped.push({ path, why: "hidden" });
    else if (insideLake(walk, resolve(path))) walk.skipped.push({ path, why: "the lake itself" });
    else if (kind === "file") await takeFile(walk, path, basename(path));
    else if (kind === "folder") await takeFolder(walk, path);
    else walk.skipped.push({ path, why: kind === "nothing" ? "leads nowhere" : "neither file nor folder" });
  }
  if (matched === 0) throw new CommandError(`No file matches ${pattern}.`, "Check the pattern; nothing was uploaded.");
}

async function takeFolder(walk: Walk, folder: string): Promise<void> {
  const name = basename(resolve(folder));
  if (name === "")
    throw new CommandError(`${folder} has no name that could stand in a key.`, "Name the files or folders in it.");
  await walkFolder(walk, { path: folder, inside: name, above: [] });
}

interface Place {
  readonly path: string;
  /** Its path from the named folder on, with `/`. */
  readonly inside: string;
  /** The real paths of the folders on the way here: a link to one of them leads in a circle. */
  readonly above: readonly string[];
}

async function walkFolder(walk: Walk, place: Place): Promise<void> {
  const here = await realpath(place.path);
  if (place.above.includes(here)) {
    walk.skipped.push({ path: place.path, why: "leads in a circle" });
    return;
  }
  if (insideLake(walk, here)) {
    walk.skipped.push({ path: place.path, why: "the lake itself" });
    return;
  }
  const names = await readdir(place.path).catch((error: unknown) => {
    throw unreadable(place.path, error);
  });
  for (const name of names.toSorted()) {
    const path = join(place.path, name);
    const kind = name.startsWith(".") ? "hidden" : await kindOf(path);
    if (kind === "file") await takeFile(walk, path, `${place.inside}/${name}`);
    else if (kind === "folder")
      await walkFolder(walk, { path, inside: `${place.inside}/${name}`, above: [...place.above, here] });
    else walk.skipped.push({ path, why: whySkipped(kind, path) });
  }
}

function whySkipped(kind: "hidden" | "nothing" | "other", path: string): Skipped["why"] {
  if (kind === "hidden") return "hidden";
  if (kind === "other") return "neither file nor folder";
  // Node reads a name that is no UTF-8 with U+FFFD in it, and then cannot find it: it must not be lost in silence.
  if (path.includes("\u{FFFD}"))
    throw new CommandError(`${path}: the file's name is not UTF-8.`, "Rename it; nothing was uploaded.");
  return "leads nowhere";
}

async function takeFile(walk: Walk, path: string, inside: string): Promise<void> {
  const key = `${walk.dataset}/${walk.below ?? ""}${inside}`;
  if (Buffer.byteLength(key) > maxKeyBytes) {
    throw new CommandError(
      `${path}: its key would be longer than ${maxKeyBytes} bytes.`,
      "Name a folder further down, or rename it.",
    );
  }
  const [realPath, facts] = await Promise.all([realpath(path), stat(path), access(path, constants.R_OK)]).catch(
    (error: unknown) => {
      throw unreadable(path, error);
    },
  );
  const other = walk.found.get(key);
  if (other !== undefined && other.realPath !== realPath) {
    throw new CommandError(
      `Two files would become ${key}: ${other.path} and ${path}.`,
      "Give the folder that holds both, or rename one; nothing was uploaded.",
    );
  }
  if (other === undefined) walk.found.set(key, { key, path, sizeBytes: facts.size, realPath });
}

async function kindOf(path: string): Promise<"file" | "folder" | "other" | "nothing"> {
  try {
    const facts = await stat(path);
    if (facts.isFile()) return "file";
    return facts.isDirectory() ? "folder" : "other";
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ENAMETOOLONG") return "nothing";
    // A link to itself.
    if (code === "ELOOP") return "nothing";
    throw unreadable(path, error);
  }
}

function insideLake(walk: Walk, path: string): boolean {
  if (walk.lakeFolder === undefined) return false;
  const way = relative(walk.lakeFolder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`));
}

function unreadable(path: string, error: unknown): CommandError {
  const why = codeOf(error) === "EACCES" ? "permission is denied" : (codeOf(error) ?? "unknown reason");
  return new CommandError(
    `${path} cannot be read: ${why}.`,
    "Mend its permissions or leave it out; nothing was uploaded.",
    { cause: error },
  );
}

function nothingFound(paths: readonly string[], skipped: readonly Skipped[]): CommandError {
  const only =
    skipped.length === 0
      ? ""
      : ` (left out: ${skipped.length} that ${skipped.length === 1 ? "is" : "are"} hidden or no files)`;
  return new CommandError(
    `There is no file to take in ${paths.join(", ")}${only}.`,
    "Give files, folders or patterns that hold some.",
  );
}
