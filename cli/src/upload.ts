/** Brings named files into the raw bucket: only what differs, streamed. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { codeOf, httpStatusOf } from "@airlake/shared/errors";
import type { ObjectStore } from "@airlake/shared/object-store";

import { mapBounded } from "./bounded.ts";
import { CommandError } from "./command-error.ts";
import type { NamedSource } from "./named-sources.ts";

export interface UploadDeps {
  readonly s3: ObjectStore;
  readonly bucket: string;
  /** Stops after the files under way; those are given up. */
  readonly signal: AbortSignal;
  /** Is told of every piece of a file that was handed over, in bytes. */
  readonly sent?: (bytes: number) => void;
}

/** Files on their way at once: a disk gains nothing from more. */
const concurrency = 4;

/** Uploads a file unless the bucket holds the same bytes under its key. "same": nothing was sent, so no event tells of it. */
export async function uploadWhatDiffers(
  deps: UploadDeps,
  sources: readonly NamedSource[],
  done: (source: NamedSource, was: "uploaded" | "same") => Promise<void> | void,
): Promise<void> {
  await mapBounded(sources, concurrency, async (source) => {
    if (deps.signal.aborted) return;
    try {
      const was = (await isSame(deps, source)) ? "same" : await upload(deps, source);
      await done(source, was);
    } catch (error) {
      throw goneWhileRead(source, error);
    }
  });
}

/** Compares sizes before it reads a byte. An ETag with a dash is of a multipart upload and no MD5: then the file is sent again. */
async function isSame(deps: UploadDeps, source: NamedSource): Promise<boolean> {
  const there = await head(deps, source.key);
  if (there === undefined || there.sizeBytes !== source.sizeBytes) return false;
  return there.etag === `"${await md5Of(source.path, deps.signal)}"`;
}

async function head(
  deps: UploadDeps,
  key: string,
): Promise<{ readonly etag: string; readonly sizeBytes: number } | undefined> {
  try {
    const answer = await deps.s3.send(new HeadObjectCommand({ Bucket: deps.bucket, Key: key }));
    return { etag: answer.ETag ?? "", sizeBytes: answer.ContentLength ?? -1 };
  } catch (error) {
    if (httpStatusOf(error) === 404) return undefined;
    throw error;
  }
}

async function md5Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("md5");
  await pipeline(createReadStream(path), hash, { signal });
  return hash.digest("hex");
}

async function upload(deps: UploadDeps, source: NamedSource): Promise<"uploaded"> {
  await using file = await open(source.path);
  // The size of this moment: a file may have grown since it was named.
  const { size, mtimeMs } = await file.stat();
  const unchanged = async (): Promise<boolean> => {
    const now = await file.stat();
    return now.size === size && now.mtimeMs === mtimeMs;
  };
  const chunks = told(file.createReadStream({ autoClose: false }), deps.sent);
  const Body = Readable.from(wholeBytes(source, chunks, unchanged), {
    objectMode: false,
  });
  const put = new PutObjectCommand({ Bucket: deps.bucket, Key: source.key, Body, ContentLength: size });
  await deps.s3.send(put, { abortSignal: deps.signal });
  return "uploaded";
}

/** The same pieces, each told of as it is taken. */
async function* told(chunks: AsyncIterable<unknown>, sent: UploadDeps["sent"]): AsyncGenerator {
  for await (const chunk of chunks) {
    if (sent !== undefined && Buffer.isBuffer(chunk)) sent(chunk.length);
    yield chunk;
  }
}

/** Half of one version and half of the next is no file: it fails at its end, before anything of it can be seen in the bucket. */
async function* wholeBytes(
  source: NamedSource,
  chunks: AsyncIterable<unknown>,
  unchanged: () => Promise<boolean>,
): AsyncGenerator {
  yield* chunks;
  if (!(await unchanged()))
    throw new CommandError(`${source.path} was written to while it was read.`, "Give the same command again.");
}

function goneWhileRead(source: NamedSource, error: unknown): unknown {
  if (codeOf(error) !== "ENOENT") return error;
  return new CommandError(`${source.path} went away while it was read.`, "Give the same command again.", {
    cause: error,
  });
}
