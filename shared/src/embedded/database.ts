/**
 * The one SQLite file that embedded objects and queues share: `<folder>/.airlake/embedded.sqlite`. One file, so that an object
 * and the event about it commit together. Several processes open it at once; a transaction is short and never spans an await.
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { makeFolders } from "./folders.ts";

const schemaVersion = 1;
const busyTimeoutMs = 20_000;
const schema = `
  CREATE TABLE queues (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    attributes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL
  ) STRICT;
  -- handed_out tells a message in flight from one that is still delayed: both have visible_at in the future.
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    queue_id INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    body TEXT NOT NULL,
    attributes TEXT,
    sent_at INTEGER NOT NULL,
    visible_at INTEGER NOT NULL,
    handed_out INTEGER NOT NULL DEFAULT 0,
    receive_count INTEGER NOT NULL DEFAULT 0,
    earlier_receives INTEGER NOT NULL DEFAULT 0,
    first_received_at INTEGER,
    source_arn TEXT
  ) STRICT;
  CREATE INDEX messages_by_visibility ON messages (queue_id, visible_at);
  CREATE TABLE buckets (
    name TEXT PRIMARY KEY,
    notification TEXT
  ) STRICT, WITHOUT ROWID;
  -- stamp is the file's inode, mtime (ns) and size when the row was written: it tells whether the file is still the one described.
  CREATE TABLE objects (
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    etag TEXT NOT NULL,
    size INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    content_type TEXT,
    metadata TEXT,
    stamp TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
  ) STRICT, WITHOUT ROWID;
`;

/** Where the adapters keep what is no object: the database and unfinished uploads. */
export function stateFolderOf(folder: string): string {
  return join(folder, ".airlake");
}

/** Opens (or makes) the database. Throws with the system's code where the folder cannot be written. */
export function openDatabase(folder: string): DatabaseSync {
  makeFolders(stateFolderOf(folder));
  try {
    const db = new DatabaseSync(join(stateFolderOf(folder), "embedded.sqlite"), { timeout: busyTimeoutMs });
    useWal(db);
    db.exec("PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864");
    migrate(db);
    return db;
  } catch (error) {
    throw explainStorage(error);
  }
}

/** Runs `work` in one write transaction. It must not await; what it throws rolls everything back. */
export function transact<T>(db: DatabaseSync, work: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

// SQLite's own result codes, by what the same trouble is called by the file system.
const codeByResult: Readonly<Record<number, string>> = { 8: "EROFS", 10: "EIO", 13: "ENOSPC", 14: "EACCES" };

/** SQLite's troubles with the disk, as errors with the file system's code; every other error as it is. */
export function explainStorage(error: unknown): unknown {
  const result = sqliteResultOf(error);
  const code = result === undefined ? undefined : codeByResult[result & 0xff];
  if (code === undefined) return error;
  return Object.assign(new Error(`${code}: the lake's database cannot be written`, { cause: error }), { code });
}

/** Whether SQLite gave up waiting for another process's transaction. */
export function isBusy(error: unknown): boolean {
  const result = sqliteResultOf(error);
  return result !== undefined && ((result & 0xff) === 5 || (result & 0xff) === 6);
}

function sqliteResultOf(error: unknown): number | undefined {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode : undefined;
}

/** SQLite's busy timeout does not cover the switch to WAL, which two processes may try at once on a new file. */
function useWal(db: DatabaseSync): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let attempt = 1; ; attempt += 1) {
    try {
      db.exec("PRAGMA journal_mode = WAL");
      return;
    } catch (error) {
      if (!isBusy(error) || attempt === 200) throw error;
      Atomics.wait(pause, 0, 0, 10);
    }
  }
}

function migrate(db: DatabaseSync): void {
  if (versionOf(db) === schemaVersion) return;
  transact(db, () => {
    const version = versionOf(db);
    if (version === schemaVersion) return;
    if (version !== 0)
      throw new Error(`the lake's database has version ${version}, this program knows ${schemaVersion}`);
    db.exec(schema);
    db.exec(`PRAGMA user_version = ${schemaVersion}`);
  });
}

function versionOf(db: DatabaseSync): number {
  return Number(db.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
}
