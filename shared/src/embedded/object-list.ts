/** Listing a bucket, in the order of the keys' UTF-8 bytes. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type * as S3 from "@aws-sdk/client-s3";
import { codeOf } from "../errors.ts";
import { s3Error, s3NotImplemented } from "./aws-errors.ts";
import { operation } from "./client-shape.ts";
import type { Operation } from "./client-shape.ts";
import { bucketFolderOf, checkBucket, heal } from "./object-context.ts";
import type { ObjectContext } from "./object-context.ts";
import { locateFile } from "./object-files.ts";
import type { ObjectRow, Position } from "./object-index.ts";
import { keyOfPath, pathOfKey, spareMark } from "./object-paths.ts";

const mostKeys = 1000;

export function listOperations(context: ObjectContext): Readonly<Record<string, Operation>> {
  return {
    ListObjectsV2: operation<S3.ListObjectsV2CommandInput>(
      ["Bucket", "Prefix", "Delimiter", "MaxKeys", "ContinuationToken", "StartAfter"],
      async (input) => {
        const name = checkBucket(context, input.Bucket);
        const request = readRequest(input);
        // Files that came or went without us are met once per listing, not once per page.
        if (input.ContinuationToken === undefined) await meetStrangers(context, name, request.prefix);
        return { ...(await listPage(context, name, request)), ...echoed(input, request) };
      },
    ),
  };
}

interface ListRequest {
  readonly prefix: string;
  readonly delimiter: string;
  readonly limit: number;
  readonly from: Position;
}

function readRequest(input: S3.ListObjectsV2CommandInput): ListRequest {
  const { Prefix: prefix = "", Delimiter: delimiter = "", StartAfter: startAfter } = input;
  const given = input.MaxKeys ?? mostKeys;
  if (!Number.isInteger(given) || given < 1) throw s3NotImplemented("The embedded adapter takes MaxKeys from 1 on.");
  const limit = Math.min(given, mostKeys);
  return { prefix, delimiter, limit, from: startOf(input.ContinuationToken, startAfter, prefix) };
}

function startOf(token: string | undefined, startAfter: string | undefined, prefix: string): Position {
  if (token !== undefined) return readToken(token);
  // The prefix itself can be a key; what comes before it is never wanted.
  if (startAfter === undefined || Buffer.compare(Buffer.from(startAfter), Buffer.from(prefix)) < 0) {
    return { key: prefix, exclusive: false };
  }
  return { key: startAfter, exclusive: true };
}

async function listPage(context: ObjectContext, bucket: string, request: ListRequest) {
  const entries = await collect(context, bucket, request, request.limit + 1);
  const page = entries.slice(0, request.limit);
  const next = entries[request.limit];
  const rows = page.flatMap((entry) => (entry.row === undefined ? [] : [entry.row]));
  const prefixes = page.flatMap((entry) => (entry.row === undefined ? [{ Prefix: entry.name }] : []));
  return {
    IsTruncated: next !== undefined,
    KeyCount: page.length,
    ...(rows.length > 0 ? { Contents: rows.map(contentOf) } : {}),
    ...(prefixes.length > 0 ? { CommonPrefixes: prefixes } : {}),
    ...(next === undefined ? {} : { NextContinuationToken: makeToken(next.name) }),
  };
}

/** One line of a listing: an object, or (without a row) a common prefix. */
interface Entry {
  readonly name: string;
  readonly row?: ObjectRow;
}

async function collect(
  context: ObjectContext,
  bucket: string,
  request: ListRequest,
  count: number,
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  // With a delimiter few of the rows that are read are told: most are left out as soon as their prefix is known.
  const atOnce = request.delimiter === "" ? count : Math.min(count, 20);
  for (let from: Position | undefined = request.from; from !== undefined && entries.length < count;) {
    const rows: readonly ObjectRow[] = context.index.page(bucket, from, atOnce);
    from = undefined;
    for (const row of rows) {
      if (!row.key.startsWith(request.prefix)) return entries;
      from = { key: row.key, exclusive: true };
      const entry = await entryOf(context, row, request);
      if (entry !== undefined) entries.push(entry);
      if (entries.length === count) return entries;
      if (entry === undefined || entry.row !== undefined) continue;
      // Everything below this prefix is told with it.
      from = endOfPrefix(entry.name);
      break;
    }
  }
  return entries;
}

/** What a listing tells of a row; nothing where its object is gone. A row whose file has changed is mended first. */
async function entryOf(context: ObjectContext, row: ObjectRow, request: ListRequest): Promise<Entry | undefined> {
  const { bucket, key } = row;
  const isCurrent = locateFile(bucketFolderOf(context, bucket), key)?.stamp === row.stamp;
  if (!isCurrent) await heal(context, bucket, key);
  const current = isCurrent ? row : context.index.find(bucket, key);
  if (current === undefined) return undefined;
  const cut = request.delimiter === "" ? -1 : key.indexOf(request.delimiter, request.prefix.length);
  return cut < 0 ? { name: key, row: current } : { name: key.slice(0, cut + request.delimiter.length) };
}

/** Gives rows to files that have none. Others get their turn between any thousand of them. */
async function meetStrangers(context: ObjectContext, bucket: string, prefix: string): Promise<void> {
  const unknown = await keysOnDisk(bucketFolderOf(context, bucket), prefix);
  for (let from: Position | undefined = { key: prefix, exclusive: false }; from !== undefined;) {
    const keys = context.index.keys(bucket, from, mostKeys);
    for (const key of keys) unknown.delete(key);
    const last = keys.at(-1);
    from = last?.startsWith(prefix) === true ? { key: last, exclusive: true } : undefined;
    await nextTurn();
  }
  for (const key of unknown) await heal(context, bucket, key);
}

async function keysOnDisk(bucketFolder: string, prefix: string): Promise<Set<string>> {
  // The deepest folder that all these keys share; a cut segment's folders do not end where the key has its slash.
  const shared = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  const folders = [shared === "" ? "" : pathOfKey(shared.slice(0, -1))];
  const keys = new Set<string>();
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const [at, entry] of (await entriesOf(join(bucketFolder, folder))).entries()) {
      if (at % mostKeys === mostKeys - 1) await nextTurn();
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) folders.push(path);
      if (!entry.isFile()) continue;
      const key = keyOfPath(path.endsWith(spareMark) ? path.slice(0, -spareMark.length) : path);
      if (key?.startsWith(prefix) === true) keys.add(key);
    }
  }
  return keys;
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    throw error;
  }
}

/** The first position behind all keys that begin with `prefix`. */
function endOfPrefix(prefix: string): Position | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last >= 0x10_ff_ff) continue;
    // Surrogates are no characters.
    const next = last === 0xd7_ff ? 0xe0_00 : last + 1;
    return { key: String.fromCodePoint(...points, next), exclusive: false };
  }
  return undefined;
}

function contentOf(row: ObjectRow): S3._Object {
  const LastModified = new Date(Math.floor(row.modifiedAtMs / 1000) * 1000);
  return { Key: row.key, LastModified, ETag: `"${row.etag}"`, Size: row.sizeBytes, StorageClass: "STANDARD" };
}

function echoed(input: S3.ListObjectsV2CommandInput, request: ListRequest): object {
  return {
    Name: input.Bucket,
    Prefix: request.prefix,
    MaxKeys: request.limit,
    ...(input.Delimiter === undefined ? {} : { Delimiter: input.Delimiter }),
    ...(input.StartAfter === undefined ? {} : { StartAfter: input.StartAfter }),
    ...(input.ContinuationToken === undefined ? {} : { ContinuationToken: input.ContinuationToken }),
  };
}

/** A token is the first name of the next page. */
function makeToken(name: string): string {
  return Buffer.from(name).toString("base64");
}

function readToken(token: string): Position {
  if (/^[A-Za-z0-9+/]+=*$/.test(token)) return { key: Buffer.from(token, "base64").toString("utf8"), exclusive: false };
  throw s3Error("InvalidArgument", 400, "The continuation token provided is incorrect");
}
