/** Buckets and objects as rows. The bytes are in files; a row says what a file's content is, and which file it was. */
import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { integerOf, optionalTextOf, textOf } from "./rows.ts";
import type { Row } from "./rows.ts";

const storedMetadata = z.record(z.string(), z.string());

export interface ObjectRow {
  readonly bucket: string;
  readonly key: string;
  /** MD5 of the content in hex, without quotes. */
  readonly etag: string;
  readonly sizeBytes: number;
  /** Unix milliseconds. */
  readonly modifiedAtMs: number;
  readonly contentType: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** Which file was described: `stampOf` of object-files. */
  readonly stamp: string;
}

export interface BucketRow {
  readonly name: string;
  /** JSON of the notification configuration. */
  readonly notification: string | undefined;
}

export interface ObjectIndex {
  findBucket(name: string): BucketRow | undefined;
  /** Buckets are never removed: one that was seen is not asked for again. */
  hasBucket(name: string): boolean;
  addBucket(name: string): void;
  setNotification(bucket: string, json: string): void;
  find(bucket: string, key: string): ObjectRow | undefined;
  save(row: ObjectRow): void;
  remove(bucket: string, key: string): void;
  /** Rows with key ≥ `from` (> `from` where it is exclusive), in the order of the keys' UTF-8 bytes. */
  page(bucket: string, from: Position, limit: number): readonly ObjectRow[];
  /** The keys of such a page. */
  keys(bucket: string, from: Position, limit: number): readonly string[];
}

export interface Position {
  readonly key: string;
  readonly exclusive: boolean;
}

export function createObjectIndex(db: DatabaseSync): ObjectIndex {
  return { ...buckets(db), ...objects(db), ...listing(db) };
}

function buckets(db: DatabaseSync): Pick<ObjectIndex, "findBucket" | "hasBucket" | "addBucket" | "setNotification"> {
  const find = db.prepare("SELECT * FROM buckets WHERE name = ?");
  const add = db.prepare("INSERT INTO buckets (name) VALUES (?) ON CONFLICT DO NOTHING");
  const seen = new Set<string>();
  const configure = db.prepare("UPDATE buckets SET notification = ? WHERE name = ?");
  return {
    findBucket: (name) => {
      const row = find.get(name);
      if (row === undefined) return undefined;
      return { name: textOf(row, "name"), notification: optionalTextOf(row, "notification") };
    },
    hasBucket: (name) => {
      if (!seen.has(name) && find.get(name) !== undefined) seen.add(name);
      return seen.has(name);
    },
    addBucket: (name) => {
      add.run(name);
    },
    setNotification: (bucket, json) => {
      configure.run(json, bucket);
    },
  };
}

function objects(db: DatabaseSync): Pick<ObjectIndex, "find" | "save" | "remove"> {
  const find = db.prepare("SELECT * FROM objects WHERE bucket = ? AND key = ?");
  const save = db.prepare(
    `INSERT OR REPLACE INTO objects (bucket, key, etag, size, modified_at, content_type, metadata, stamp)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const remove = db.prepare("DELETE FROM objects WHERE bucket = ? AND key = ?");
  return {
    find: (bucket, key) => {
      const row = find.get(bucket, key);
      return row === undefined ? undefined : readObject(row);
    },
    save: (row) => {
      const metadata = JSON.stringify(row.metadata);
      const { bucket, key, etag, sizeBytes, modifiedAtMs, contentType = null, stamp } = row;
      save.run(bucket, key, etag, sizeBytes, modifiedAtMs, contentType, metadata, stamp);
    },
    remove: (bucket, key) => {
      remove.run(bucket, key);
    },
  };
}

function listing(db: DatabaseSync): Pick<ObjectIndex, "page" | "keys"> {
  // SQLite compares text by its UTF-8 bytes, which is S3's order.
  const after = db.prepare("SELECT * FROM objects WHERE bucket = ? AND key > ? ORDER BY key LIMIT ?");
  const from = db.prepare("SELECT * FROM objects WHERE bucket = ? AND key >= ? ORDER BY key LIMIT ?");
  const keysAfter = db.prepare("SELECT key FROM objects WHERE bucket = ? AND key > ? ORDER BY key LIMIT ?");
  const keysFrom = db.prepare("SELECT key FROM objects WHERE bucket = ? AND key >= ? ORDER BY key LIMIT ?");
  return {
    page: (bucket, position, limit) =>
      (position.exclusive ? after : from).all(bucket, position.key, limit).map(readObject),
    keys: (bucket, position, limit) =>
      (position.exclusive ? keysAfter : keysFrom).all(bucket, position.key, limit).map((row) => textOf(row, "key")),
  };
}

function readObject(row: Row): ObjectRow {
  const metadata = storedMetadata.parse(JSON.parse(textOf(row, "metadata")));
  return {
    bucket: textOf(row, "bucket"),
    key: textOf(row, "key"),
    etag: textOf(row, "etag"),
    sizeBytes: integerOf(row, "size"),
    modifiedAtMs: integerOf(row, "modified_at"),
    contentType: optionalTextOf(row, "content_type"),
    metadata,
    stamp: textOf(row, "stamp"),
  };
}
