/**
 * Watches the drop folder: every file that is whole is brought in, once for each of its contents.
 *
 * A file is: unseen → waited for (it may still be written) → being brought in → known. Another content begins anew. A file that is
 * taken away is forgotten, and nothing else: what was brought in stays.
 */
import { join } from "node:path";
import { codeOf } from "@airlake/shared/errors";

import { mapBounded } from "../bounded.ts";
import { type Bell, createBell } from "./bell.ts";
import { type Bringing, type BringingDeps, createBringing } from "./bringing.ts";
import { type Naming, isUnfinishedName, meaningOf } from "./drop-keys.ts";
import type { DropMemory } from "./drop-memory.ts";
import { type FolderListener, type FolderWatchers, createFolderWatchers } from "./folder-watchers.ts";
import { type FileFacts, type Settling, createSettling, signatureOf } from "./settling.ts";
import { type DropPlace, type Look, lookAt, walkDrop } from "./walk-drop.ts";

export type DropWatchDeps = Omit<BringingDeps, "again">;
export type DropWatchOptions = DropPlace & { readonly naming: Naming };

export interface DropWatch {
  /** Watches until the signal aborts; then it waits for what is on its way. */
  run(signal: AbortSignal): Promise<void>;
  /** Files that may not be whole yet, and those being brought in. */
  readonly counts: () => { readonly waited: number; readonly brought: number };
}

/** File systems that tell of nothing, such as network shares, are looked through this often; large folders less often. */
const scanEveryMs = 2000;
const scanShare = 20;
/** Events come in swarms. */
const swarmMs = 20;
const againMs = 10_000;
const looksAtOnce = 32;

interface Watching {
  readonly deps: DropWatchDeps;
  readonly options: DropWatchOptions;
  readonly settling: Settling;
  readonly bringing: Bringing;
  /** Paths that something happened to. */
  readonly touched: Set<string>;
  /** Which path a key was given to. */
  readonly owners: Map<string, string>;
}

export function createDropWatch(given: DropWatchDeps, options: DropWatchOptions): DropWatch {
  const deps = { ...given, tell: once(given.tell) };
  const { clock, memory } = deps;
  const settling = createSettling();
  const touched = new Set<string>();
  const bell = createBell(clock);
  const again: BringingDeps["again"] = ({ path, facts }, notBeforeMs) => {
    if (notBeforeMs > clock.monotonicMs()) settling.postpone(path, facts, notBeforeMs);
    touched.add(path);
    bell.ring();
  };
  const bringing = createBringing({ ...deps, again }, options.folder);
  const owners = ownersIn(memory, options.naming);
  const watching: Watching = { deps, options, settling, bringing, touched, owners };
  return {
    counts: () => ({ waited: settling.count(), brought: bringing.count() }),
    run: async (signal) => {
      using watchers = createFolderWatchers(options.folder, listenerOf(watching, bell));
      signal.addEventListener("abort", bell.ring);
      let scanAtMs = -Infinity;
      while (!signal.aborted) {
        if (clock.monotonicMs() >= scanAtMs) scanAtMs = await considerAll(watching, watchers);
        await considerDue(watching, watchers);
        await bell.wait(Math.min(scanAtMs, settling.nextDueMs()) - clock.monotonicMs());
        await clock.sleep(swarmMs);
      }
      signal.removeEventListener("abort", bell.ring);
      await bringing.end();
    },
  };
}

function listenerOf({ settling, touched }: Watching, bell: Bell): FolderListener {
  const touch = (path: string): void => {
    touched.add(path);
    bell.ring();
  };
  return {
    came: (path) => {
      if (path.split("/").some(isUnfinishedName)) return;
      settling.came(path);
      touch(path);
    },
    wasWritten: (path) => {
      settling.wasWritten(path);
      touch(path);
    },
  };
}

/** Looks through the whole folder. Gives the monotonic time at which to do so again. */
async function considerAll(watching: Watching, watchers: FolderWatchers): Promise<number> {
  const { clock, memory } = watching.deps;
  const startMs = clock.monotonicMs();
  const before = [...memory.paths()];
  const found = await scan(watching, "");
  if (found.isThere) {
    watchers.listenTo(found.folders);
    for (const path of before) if (!found.files.has(path)) forget(watching, path);
    memory.tidy();
    await mapBounded([...found.files], looksAtOnce, async (path) => consider(watching, watchers, path));
    // A disk that is not there just now says nothing about its files.
  } else watching.deps.tell("", "the drop folder cannot be read; what is in it waits");
  const endMs = clock.monotonicMs();
  return endMs + Math.max(scanEveryMs, (endMs - startMs) * scanShare);
}

async function considerDue(watching: Watching, watchers: FolderWatchers): Promise<void> {
  const { deps, settling, touched } = watching;
  const paths = new Set([...touched, ...settling.due(deps.clock.monotonicMs())]);
  touched.clear();
  await mapBounded([...paths], looksAtOnce, async (path) => consider(watching, watchers, path));
}

/** Looks at one path, and does what is to be done about it. */
async function consider(watching: Watching, watchers: FolderWatchers, path: string): Promise<void> {
  const { deps, options, settling, bringing } = watching;
  const meaning = meaningOf(path, options.naming);
  // What is on its way is looked at again when it is there.
  if (meaning.kind === "unfinished" || bringing.has(path)) return;
  const look = await lookOrTell(watching, path);
  if (look === "nothing") forget(watching, path);
  else if (look === "folder") {
    settling.forget(path);
    const found = await scan(watching, path);
    for (const folder of found.folders) watchers.add(folder);
    for (const file of found.files) await consider(watching, watchers, file);
  } else if (meaning.kind === "impossible") deps.tell(path, `${meaning.why}; rename it`);
  else if (look !== undefined) await considerFile(watching, { path, key: meaning.key, facts: look });
}

function forget({ deps, options, settling, owners }: Watching, path: string): void {
  settling.forget(path);
  deps.memory.forget(path);
  const meaning = meaningOf(path, options.naming);
  if (meaning.kind === "source" && owners.get(meaning.key) === path) owners.delete(meaning.key);
}

async function considerFile(
  { deps, options, settling, bringing, owners }: Watching,
  file: { readonly path: string; readonly key: string; readonly facts: FileFacts },
): Promise<void> {
  const { path, key, facts } = file;
  const nowMs = deps.clock.monotonicMs();
  if (deps.memory.knows(path, signatureOf(facts))) return settling.forget(path);
  if (!settling.look(path, facts, nowMs)) return;
  const owner = owners.get(key) ?? path;
  if (owner !== path && typeof (await lookAt(join(options.folder, owner)).catch(() => "nothing")) === "object") {
    deps.tell(path, `it would become ${key}, as ${owner} did; rename one of them`);
    settling.postpone(path, facts, nowMs + againMs);
    return;
  }
  owners.set(key, path);
  bringing.take(file);
}

interface Found {
  readonly isThere: boolean;
  readonly files: ReadonlySet<string>;
  readonly folders: ReadonlySet<string>;
}

async function scan({ deps, options }: Watching, from: string): Promise<Found> {
  const files = new Set<string>();
  const folders = new Set<string>();
  const isThere = await walkDrop(options, from, {
    file: (path) => void files.add(path),
    folder: (path) => void folders.add(path),
    leave: (path, why) => deps.tell(path, `it is left out: ${why}`),
    wants: (path) => !path.split("/").some(isUnfinishedName),
  });
  return { isThere, files, folders };
}

async function lookOrTell({ deps, options }: Watching, path: string): Promise<Look | undefined> {
  try {
    return await lookAt(join(options.folder, path));
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    deps.tell(path, `it cannot be read (${codeOf(error)})`);
    return undefined;
  }
}

function ownersIn(memory: DropMemory, naming: Naming): Map<string, string> {
  const owners = new Map<string, string>();
  for (const path of memory.paths()) {
    const meaning = meaningOf(path, naming);
    if (meaning.kind === "source") owners.set(meaning.key, path);
  }
  return owners;
}

/** The same sentence about the same path is told once. */
function once(tell: DropWatchDeps["tell"]): DropWatchDeps["tell"] {
  const told = new Set<string>();
  return (path, sentence) => {
    const both = `${path}\0${sentence}`;
    if (told.has(both)) return;
    told.add(both);
    tell(path, sentence);
  };
}
