/** What the object operations work on, and how rows and files are brought to agree. */
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { s3Error } from "./aws-errors.ts";
import type { Announcer } from "./object-events.ts";
import { locateFile, md5OfFile } from "./object-files.ts";
import type { ObjectFile } from "./object-files.ts";
import type { BucketRow, ObjectIndex, ObjectRow } from "./object-index.ts";
import { codeOf } from "../errors.ts";

export interface ObjectContext {
  /** Runs in one write transaction, and lets long polls look when it told a queue. */
  readonly write: <T>(work: () => T) => T;
  readonly index: ObjectIndex;
  readonly announcer: Announcer;
  readonly clock: Clock;
  readonly folder: string;
}

/** An object whose row describes the file that is there. */
export interface SeenObject {
  readonly row: ObjectRow;
  readonly file: ObjectFile;
}

// Only a key that is rewritten without a pause could need more than a few.
const mostLooks = 50;
const longestKeyBytes = 1024;

export function bucketFolderOf(context: Pick<ObjectContext, "folder">, bucket: string): string {
  return join(context.folder, bucket);
}

/** Throws `NoSuchBucket`. */
export function findBucket({ index }: Pick<ObjectContext, "index">, name: string | undefined): BucketRow {
  const bucket = index.findBucket(name ?? "");
  if (bucket === undefined) throw noSuchBucket();
  return bucket;
}

/** The name of a bucket that is there. Throws `NoSuchBucket`. */
export function checkBucket({ index }: Pick<ObjectContext, "index">, name = ""): string {
  if (index.hasBucket(name)) return name;
  throw noSuchBucket();
}

function noSuchBucket(): Error {
  return s3Error("NoSuchBucket", 404, "The specified bucket does not exist");
}

/** A key that can be stored. Throws `KeyTooLongError`, or `InvalidURI` for one that is empty or no valid text. */
export function checkKey(key: string | undefined): string {
  if (key === undefined || key === "" || !key.isWellFormed() || key.includes("\0")) {
    throw s3Error("InvalidURI", 400, "The key is empty, or no valid Unicode text.");
  }
  if (Buffer.byteLength(key) > longestKeyBytes) throw s3Error("KeyTooLongError", 400, "Your key is too long");
  return key;
}

/**
 * The object of a key; undefined where there is none. What it returns was true at one instant. Where file and row differ (a
 * process died between the two, or a person changed the folder) the row is mended first, and the event sent that was missed.
 */
export async function lookAt(context: ObjectContext, bucket: string, key: string): Promise<SeenObject | undefined> {
  for (let look = 0; look < mostLooks; look += 1) {
    const row = context.index.find(bucket, key);
    const file = locateFile(bucketFolderOf(context, bucket), key);
    if (row === undefined && file === undefined) return undefined;
    if (row !== undefined && file !== undefined && row.stamp === file.stamp) return { row, file };
    await heal(context, bucket, key);
  }
  throw changesTooFast();
}

/** S3's word for a key that too many write at once. */
export function changesTooFast(): Error {
  return s3Error("SlowDown", 503, "The object changes faster than it can be read. Please reduce your request rate.");
}

/** Makes the row say what the file is. The content is read outside the transaction, so that nobody waits for it. */
export async function heal(context: ObjectContext, bucket: string, key: string): Promise<void> {
  const file = context.write(() => settleWithoutContent(context, bucket, key));
  if (file === undefined) return;
  const etag = await md5IfThere(file.path);
  if (etag === undefined) return;
  context.write(() => adopt(context, { bucket, key, etag, file }));
}

/** Mends what needs no reading: returns the file that has to be read, if any. */
function settleWithoutContent(context: ObjectContext, bucket: string, key: string): ObjectFile | undefined {
  const row = context.index.find(bucket, key);
  const file = locateFile(bucketFolderOf(context, bucket), key);
  if (file !== undefined) return row?.stamp === file.stamp ? undefined : file;
  if (row === undefined) return undefined;
  context.index.remove(bucket, key);
  context.announcer.announce(findBucket(context, bucket), { name: "ObjectRemoved:Delete", key });
  return undefined;
}

interface ReadFile {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  readonly file: ObjectFile;
}

function adopt(context: ObjectContext, { bucket, key, etag, file }: ReadFile): void {
  const there = locateFile(bucketFolderOf(context, bucket), key);
  const row = context.index.find(bucket, key);
  // Written again since it was read: whoever looks next sees that.
  if (there?.stamp !== file.stamp || row?.stamp === file.stamp) return;
  const isSame = row?.etag === etag;
  context.index.save({
    bucket,
    key,
    etag,
    sizeBytes: file.sizeBytes,
    modifiedAtMs: context.clock.now().getTime(),
    contentType: isSame ? row.contentType : undefined,
    metadata: isSame ? row.metadata : {},
    stamp: file.stamp,
  });
  const content = { etag, sizeBytes: file.sizeBytes };
  context.announcer.announce(findBucket(context, bucket), { name: "ObjectCreated:Put", key, content });
}

async function md5IfThere(path: string): Promise<string | undefined> {
  try {
    return await md5OfFile(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
