/**
 * Uploads in the making: a body becomes a file under `.airlake/tmp`, with its MD5, before anybody can see it. A stream of a whole
 * file in the lake's own scratch folder is not copied but linked: whoever puts such a file does not write to it again.
 */
import { createHash } from "node:crypto";
import {
  ReadStream,
  closeSync,
  createReadStream,
  createWriteStream,
  lstatSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Clock } from "../clock.ts";
import { codeOf } from "../errors.ts";
import { isAlive } from "../is-alive.ts";
import { s3Error, s3NotImplemented } from "./aws-errors.ts";
import { stateFolderOf } from "./database.ts";
import { makeFolders } from "./folders.ts";
import { fileAt, linkIfCan } from "./object-files.ts";
import type { ObjectFile } from "./object-files.ts";

export interface StagedBody extends ObjectFile {
  readonly md5: string;
  /** Removes the file where it was not moved into place. */
  discard(): void;
}

export interface BodyToStage {
  readonly body: unknown;
  /** What the caller says; undefined: it does not. */
  readonly lengthBytes: number | undefined;
}

export type StageBody = (upload: BodyToStage, signal: AbortSignal | undefined) => Promise<StagedBody>;

const leftoverAgeMs = 10 * 60_000;

/** Makes the folder for uploads and clears away what dead processes left there. */
export function createStaging(folder: string, clock: Clock): StageBody {
  const uploads = join(stateFolderOf(folder), "tmp");
  makeFolders(uploads);
  clearLeftovers(uploads, clock);
  const scratch = join(stateFolderOf(folder), "scratch") + sep;
  let count = 0;
  return async (upload, signal) => {
    count += 1;
    const path = join(uploads, `${process.pid}-${clock.newId()}-${count}`);
    const discard = (): void => rmSync(path, { force: true });
    try {
      const md5 = linkFrom(scratch, upload.body, path)
        ? await md5Of(path, signal)
        : await writeBody(path, upload.body, signal);
      const file = fileAt(path);
      if (file === undefined) throw new Error("an upload's file vanished while it was written");
      if (upload.lengthBytes !== undefined && upload.lengthBytes !== file.sizeBytes) {
        throw s3Error(
          "IncompleteBody",
          400,
          "You did not provide the number of bytes specified by the Content-Length HTTP header.",
        );
      }
      return { ...file, md5, discard };
    } catch (error) {
      discard();
      throw error;
    }
  };
}

/** False where the body is no whole file of the scratch folder, or one that cannot be linked from there: then it is to be copied. */
function linkFrom(scratch: string, body: unknown, path: string): boolean {
  if (!(body instanceof ReadStream) || typeof body.path !== "string") return false;
  const isWhole =
    body.bytesRead === 0 && "start" in body && body.start === undefined && "end" in body && body.end === Infinity;
  if (!isWhole || !resolve(body.path).startsWith(scratch)) return false;
  if (!linkIfCan(body.path, path)) return false;
  body.destroy();
  return true;
}

/** Files of so few bytes are read at once. */
const smallBytes = 256 * 1024;

async function md5Of(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash("md5");
  if (lstatSync(path).size <= smallBytes) hash.update(readFileSync(path));
  else await pipeline(createReadStream(path), hash, signal === undefined ? {} : { signal });
  return hash.digest("hex");
}

async function writeBody(path: string, body: unknown, signal: AbortSignal | undefined): Promise<string> {
  if (body === undefined) return writeBytes(path, new Uint8Array());
  if (typeof body === "string") return writeBytes(path, Buffer.from(body));
  if (body instanceof Uint8Array) return writeBytes(path, body);
  if (isChunks(body)) return writeChunks(path, body, signal);
  throw s3NotImplemented("The embedded adapter takes a Body that is text, bytes or a stream.");
}

function writeBytes(path: string, bytes: Uint8Array): string {
  const file = openSync(path, "wx");
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
  } finally {
    closeSync(file);
  }
  return createHash("md5").update(bytes).digest("hex");
}

async function writeChunks(
  path: string,
  body: AsyncIterable<unknown>,
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash("md5");
  const hashed = async function* hashed(chunks: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
      if (!(bytes instanceof Uint8Array))
        throw s3NotImplemented("The embedded adapter takes streams of bytes or text only.");
      hash.update(bytes);
      yield bytes;
    }
  };
  // Opened here and not by the stream: a body that fails early would otherwise leave a file that is made after its removal.
  const file = createWriteStream("", { fd: openSync(path, "wx") });
  await pipeline(body, hashed, file, signal === undefined ? {} : { signal });
  return hash.digest("hex");
}

function isChunks(body: unknown): body is AsyncIterable<unknown> {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}

/** A killed process leaves its unfinished upload behind. The age guards against ids of processes that only look dead from here. */
function clearLeftovers(uploads: string, clock: Clock): void {
  const oldestMs = clock.now().getTime() - leftoverAgeMs;
  for (const name of readdirSync(uploads)) {
    const path = join(uploads, name);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined || stats.mtimeMs > oldestMs || isAlive(Number.parseInt(name, 10))) continue;
    try {
      unlinkSync(path);
    } catch (error) {
      // Another process that starts now clears it too.
      if (codeOf(error) !== "ENOENT") throw error;
    }
  }
}
