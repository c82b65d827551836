/** Reading objects. */
import { closeSync, createReadStream, fstatSync, openSync, readSync, unlinkSync } from "node:fs";
import { Readable } from "node:stream";
import type * as S3 from "@aws-sdk/client-s3";
import { codeOf } from "../errors.ts";
import type { LinkableBody } from "../object-store.ts";
import { s3Error } from "./aws-errors.ts";
import { operation } from "./client-shape.ts";
import type { Operation } from "./client-shape.ts";
import { changesTooFast, checkBucket, lookAt } from "./object-context.ts";
import type { ObjectContext, SeenObject } from "./object-context.ts";
import { fileAt, linkIfCan, stampOf } from "./object-files.ts";
import type { ObjectRow } from "./object-index.ts";

const mostTries = 50;

export function readOperations(context: ObjectContext): Readonly<Record<string, Operation>> {
  return {
    GetObject: operation<S3.GetObjectCommandInput>(["Bucket", "Key", "Range", "IfMatch"], async (input) => {
      const name = checkBucket(context, input.Bucket);
      const { row, path, file } = await openObject(context, name, input.Key ?? "");
      try {
        if (!matches(row, input.IfMatch)) {
          throw s3Error("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold");
        }
        const range = readRange(input.Range, row.sizeBytes);
        const body = bodyOf(file, range ?? { first: 0, last: row.sizeBytes - 1 });
        const Body =
          range === undefined
            ? Object.assign(body, { linkTo: linkOf(path, row.stamp) } satisfies Pick<LinkableBody, "linkTo">)
            : body;
        return { ...headersOf(row), ...rangeHeaders(range, row.sizeBytes), Body };
      } catch (error) {
        closeSync(file);
        throw error;
      }
    }),
    HeadObject: operation<S3.HeadObjectCommandInput>(["Bucket", "Key", "IfMatch"], async (input) => {
      const { Bucket: bucket = "" } = input;
      const seen = context.index.hasBucket(bucket) ? await lookAt(context, bucket, input.Key ?? "") : undefined;
      // An answer to HEAD has no body to name the error, so the SDK knows no more than the status.
      if (seen === undefined) throw s3Error("NotFound", 404, "UnknownError");
      if (!matches(seen.row, input.IfMatch)) throw s3Error("Unknown", 412, "UnknownError");
      return headersOf(seen.row);
    }),
  };
}

/** The object's row and its file, open: what is read later is this content, whatever happens to the key meanwhile. */
async function openObject(
  context: ObjectContext,
  bucket: string,
  key: string,
): Promise<{ readonly row: ObjectRow; readonly path: string; readonly file: number }> {
  for (let attempt = 0; attempt < mostTries; attempt += 1) {
    const seen = await lookAt(context, bucket, key);
    if (seen === undefined) throw s3Error("NoSuchKey", 404, "The specified key does not exist.");
    const file = openIfSame(seen);
    if (file !== undefined) return { row: seen.row, path: seen.file.path, file };
  }
  throw changesTooFast();
}

function openIfSame({ row, file: { path } }: SeenObject): number | undefined {
  try {
    const file = openSync(path, "r");
    if (stampOf(fstatSync(file, { bigint: true })) === row.stamp) return file;
    closeSync(file);
    return undefined;
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

function matches(row: ObjectRow, ifMatch: string | undefined): boolean {
  return ifMatch === undefined || ifMatch === "*" || ifMatch.replaceAll('"', "") === row.etag;
}

interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** Undefined where there is no range, or one that is no range: S3 then sends everything. Throws `InvalidRange`. */
function readRange(text: string | undefined, sizeBytes: number): ByteRange | undefined {
  const end = sizeBytes - 1;
  const lastBytes = /^bytes=-(\d+)$/.exec(text ?? "")?.[1];
  if (lastBytes !== undefined) return satisfiable({ first: Math.max(0, sizeBytes - Number(lastBytes)), last: end });
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(text ?? "") ?? [];
  if (from === undefined) return undefined;
  const first = Number(from);
  if (to === undefined || to === "") return satisfiable({ first, last: end });
  return Number(to) < first ? undefined : satisfiable({ first, last: Math.min(Number(to), end) });
}

function satisfiable(range: ByteRange): ByteRange {
  if (range.first <= range.last) return range;
  throw s3Error("InvalidRange", 416, "The requested range is not satisfiable");
}

function rangeHeaders(range: ByteRange | undefined, sizeBytes: number): object {
  if (range === undefined) return {};
  return {
    $metadata: { httpStatusCode: 206, attempts: 1, totalRetryDelay: 0 },
    ContentLength: range.last - range.first + 1,
    ContentRange: `bytes ${range.first}-${range.last}/${sizeBytes}`,
  };
}

function headersOf(row: ObjectRow) {
  return {
    AcceptRanges: "bytes",
    // S3 tells whole seconds.
    LastModified: new Date(Math.floor(row.modifiedAtMs / 1000) * 1000),
    ContentLength: row.sizeBytes,
    ETag: `"${row.etag}"`,
    ContentType: row.contentType ?? "application/octet-stream",
    Metadata: { ...row.metadata },
  };
}

/** A body of so few bytes is read at once: a stream would send every step of it through the thread pool. */
const smallBytes = 64 * 1024;

/** A stream with the methods that the SDK adds to a body. The file is its own to close. */
function bodyOf(file: number, range: ByteRange) {
  const isSmall = range.last - range.first < smallBytes;
  const stream: Readable = isSmall
    ? Readable.from(readAndClose(file, range), { objectMode: false })
    : createReadStream("", { fd: file, start: range.first, end: range.last });
  let isTaken = false;
  const bytes = async (): Promise<Buffer> => {
    if (isTaken) throw new Error("The stream has already been transformed.");
    isTaken = true;
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  return Object.assign(stream, {
    transformToByteArray: async () => new Uint8Array(await bytes()),
    transformToString: async (encoding?: string) => new TextDecoder(encoding).decode(await bytes()),
    transformToWebStream: () => Readable.toWeb(stream),
  });
}

/** Links a file under another name, if it is still the one of this stamp, and the name is on the same disk. */
function linkOf(path: string, stamp: string): (file: string) => boolean {
  return (file) => {
    if (!linkIfCan(path, file)) return false;
    if (fileAt(file)?.stamp === stamp) return true;
    unlinkSync(file);
    return false;
  };
}

/** What the range holds, as a list of chunks. Closes the file; leaves it open where it throws. */
function readAndClose(file: number, { first, last }: ByteRange): readonly Buffer[] {
  const bytes = Buffer.allocUnsafe(last - first + 1);
  for (let at = 0; at < bytes.length;) {
    const read = readSync(file, bytes, at, bytes.length - at, first + at);
    if (read === 0) throw new Error(`an object's file is ${bytes.length - at} bytes shorter than its row says`);
    at += read;
  }
  closeSync(file);
  return bytes.length === 0 ? [] : [bytes];
}
