/** Hears from the system what changes in folders. Some file systems never tell, so whoever listens here also looks by himself. */
import { type FSWatcher, statSync, watch } from "node:fs";
import { join } from "node:path";

export interface FolderListener {
  /** A name came into a folder, or went. */
  came(path: string): void;
  /** A file was written to, or its times or permissions changed. */
  wasWritten(path: string): void;
}

export interface FolderWatchers extends Disposable {
  /** Listens to these folders (paths inside the drop folder, "" for itself) and to no others. */
  listenTo(folders: ReadonlySet<string>): void;
  /** Listens to one more. */
  add(folder: string): void;
}

interface Listening {
  readonly watcher: FSWatcher;
  /** A folder that was taken away and made again is another one, of which nothing is heard. */
  readonly inode: bigint;
}

/** So many folders are listened to; in the others, files are found by looking. Systems grant a process a few thousand. */
const foldersAtMost = 1000;

export function createFolderWatchers(root: string, listener: FolderListener): FolderWatchers {
  const listening = new Map<string, Listening>();
  const drop = (folder: string): void => {
    listening.get(folder)?.watcher.close();
    listening.delete(folder);
  };
  const add = (folder: string): void => {
    const path = join(root, folder);
    const inode = inodeOf(path);
    if (inode === undefined || listening.get(folder)?.inode === inode) return;
    drop(folder);
    if (listening.size >= foldersAtMost) return;
    const watcher = start(path, (event, name) => {
      const changed = folder === "" ? name : `${folder}/${name}`;
      if (event === "rename") listener.came(changed);
      else listener.wasWritten(changed);
    });
    if (watcher === undefined) return;
    watcher.on("error", () => drop(folder));
    listening.set(folder, { watcher, inode });
  };
  return {
    add,
    listenTo: (folders) => {
      for (const folder of listening.keys()) if (!folders.has(folder)) drop(folder);
      for (const folder of folders) add(folder);
    },
    [Symbol.dispose]: () => {
      for (const folder of listening.keys()) drop(folder);
    },
  };
}

function inodeOf(path: string): bigint | undefined {
  try {
    return statSync(path, { bigint: true }).ino;
  } catch {
    return undefined;
  }
}

/** Undefined where the system listens to no more folders, or not to this one. */
function start(path: string, heard: (event: string, name: string) => void): FSWatcher | undefined {
  try {
    return watch(path, { persistent: false }, (event, name) => {
      if (name !== null) heard(event, name);
    });
  } catch {
    return undefined;
  }
}
