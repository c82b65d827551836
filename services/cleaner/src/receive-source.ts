/**
 * One source's bytes, once through: counted, inflated where they are gzip, checked to be text, handed on in chunks.
 * No engine sees a byte that has not passed here: DuckDB loads a truncated gzip without a word.
 */
import { once } from "node:events";
import type { Readable } from "node:stream";
import { createGunzip, type Gunzip } from "node:zlib";

import { codeOf, TransientError } from "@airlake/shared/errors";

import { createTextCheck, judgeFirstBytes, signatureBytes } from "./check-text.ts";
import { type Limits, sizeText } from "./limits.ts";
import type { Rejection } from "./rejection.ts";

/** Takes the text in chunks, of whole characters and without a byte order mark. A rejection ends the reading. */
export type TextSink = (text: Buffer) => Promise<Rejection | undefined>;

export interface Received {
  /** Bytes of text that the sink was given. */
  readonly textBytes: number;
}

export interface Delivery {
  readonly body: Readable;
  /** What the store says the body's length is. */
  readonly sizeBytes: number;
  readonly limits: Limits;
  /** Is shown how the inflated body begins, before anything else is done with it; again when more of it has come. */
  readonly showFirstBytes: (first: Buffer) => void;
}

/** The state of one reception. */
interface Tally {
  bodyBytes: number;
  /** Where the body's last byte that is not zero lies; -1 before there is one. */
  lastNonZero: number;
  /** Bytes that belong to gzip members; 0 where the body is plain. */
  gzipBytes: number;
  inflatedBytes: number;
}

const inflateChunkBytes = 256 * 1024;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/** Reads the whole body. Throws a TransientError where its length is not what the store said. */
export async function receiveSource(delivery: Delivery, sink: TextSink): Promise<Received | Rejection> {
  const { body, sizeBytes } = delivery;
  const tally: Tally = { bodyBytes: 0, lastNonZero: -1, gzipBytes: 0, inflatedBytes: 0 };
  try {
    const outcome = await passText(inflated(counted(body, tally), tally), { ...delivery, tally, sink });
    if ("reason" in outcome) return outcome;
    checkLength(tally, sizeBytes);
    return garbageBehindGzip(tally) ?? outcome;
  } catch (error) {
    const rejection = gzipRejection(error, tally);
    if (rejection === undefined) throw error;
    // Cut off on the way here, or lying cut off in the store? Only the latter is the source's own fault.
    if (rejection.reason === "truncated-gzip") checkLength(tally, sizeBytes);
    return rejection;
  } finally {
    body.destroy();
  }
}

function checkLength(tally: Tally, sizeBytes: number): void {
  if (tally.bodyBytes === sizeBytes) return;
  throw new TransientError(`the store announced ${sizeBytes} bytes and sent ${tally.bodyBytes}`);
}

async function* counted(body: Readable, tally: Tally): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError("a source's body must be a stream of bytes");
    const zeros = trailingZeros(chunk);
    if (zeros < chunk.length) tally.lastNonZero = tally.bodyBytes + chunk.length - zeros - 1;
    tally.bodyBytes += chunk.length;
    if (chunk.length > 0) yield chunk;
  }
}

function trailingZeros(chunk: Buffer): number {
  let zeros = 0;
  while (zeros < chunk.length && chunk[chunk.length - 1 - zeros] === 0) zeros += 1;
  return zeros;
}

/** Gzip is known by its first two bytes, whatever the key's name says. */
async function* inflated(chunks: AsyncGenerator<Buffer>, tally: Tally): AsyncGenerator<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await chunks.next();
    if (next.done) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  if (head[0] === 0x1f && head[1] === 0x8b) {
    yield* gunzipped(head, chunks, tally);
  } else {
    if (head.length > 0) yield head;
    yield* chunks;
  }
}

async function* gunzipped(head: Buffer, chunks: AsyncGenerator<Buffer>, tally: Tally): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: inflateChunkBytes });
  const fed = feed(gunzip, head, chunks);
  try {
    for await (const chunk of gunzip) {
      if (Buffer.isBuffer(chunk)) yield chunk;
    }
    await fed;
    tally.gzipBytes = gunzip.bytesWritten;
  } finally {
    gunzip.destroy();
  }
}

/** Writes the body into the inflater, and reads it to its end even where the inflater has stopped at a zero byte. */
async function feed(gunzip: Gunzip, head: Buffer, chunks: AsyncGenerator<Buffer>): Promise<void> {
  let open = true;
  // An inflater that has ended or failed never drains.
  const stopped = new Promise<void>((resolve) => {
    const stop = (): void => {
      open = false;
      resolve();
    };
    gunzip.once("end", stop).once("close", stop).once("error", stop);
  });
  try {
    for (let chunk: Buffer | undefined = head; chunk !== undefined; chunk = await nextOf(chunks)) {
      if (open && !gunzip.write(chunk)) await Promise.race([once(gunzip, "drain"), stopped]);
      if (gunzip.destroyed) return;
    }
    if (open) gunzip.end();
  } catch (error) {
    // The reader of the inflater gets it.
    gunzip.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

async function nextOf(chunks: AsyncGenerator<Buffer>): Promise<Buffer | undefined> {
  const next = await chunks.next();
  return next.done ? undefined : next.value;
}

interface Passage extends Pick<Delivery, "limits" | "showFirstBytes"> {
  readonly tally: Tally;
  readonly sink: TextSink;
}

/** Judges the first bytes, then passes text on, checked. */
async function passText(chunks: AsyncGenerator<Buffer>, passage: Passage): Promise<Received | Rejection> {
  const gate = createGate(passage);
  // Always the same number of first bytes is judged, however the store cuts its chunks.
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const ready: Buffer = head === undefined ? chunk : Buffer.concat([head, chunk]);
    if (head !== undefined) passage.showFirstBytes(ready);
    if (head !== undefined && ready.length < signatureBytes) {
      head = ready;
      continue;
    }
    const rejection = (head && judgeFirstBytes(ready.subarray(0, signatureBytes))) ?? (await gate.pass(ready));
    if (rejection) return rejection;
    head = undefined;
  }
  const rejection = head && (judgeFirstBytes(head) ?? (await gate.pass(head)));
  return rejection ?? gate.end();
}

interface Gate {
  readonly pass: (chunk: Buffer) => Promise<Rejection | undefined>;
  readonly end: () => Received | Rejection;
}

/** What every chunk of text goes through: the limit on its size, UTF-8, and off with the byte order mark. */
function createGate({ tally, limits, sink }: Passage): Gate {
  const check = createTextCheck();
  let textBytes = 0;
  return {
    pass: async (chunk) => {
      const atStart = tally.inflatedBytes === 0;
      tally.inflatedBytes += chunk.length;
      if (tally.inflatedBytes > limits.inflatedBytes) return inflatedTooLarge(limits);
      const checked = check.push(chunk);
      if (typeof checked === "number") return wrongEncoding(checked);
      const marked = atStart && checked.subarray(0, 3).equals(byteOrderMark);
      const text = marked ? checked.subarray(3) : checked;
      textBytes += text.length;
      return text.length === 0 ? undefined : sink(text);
    },
    end: () => {
      const cut = check.end();
      return cut === undefined ? { textBytes } : wrongEncoding(cut);
    },
  };
}

function inflatedTooLarge(limits: Limits): Rejection {
  return {
    reason: "inflated-too-large",
    detail: `The file holds more than ${sizeText(limits.inflatedBytes)} of text, the most that one source may. Split it, or raise the limit if it is no gzip bomb.`,
  };
}

function wrongEncoding(at: number): Rejection {
  return {
    reason: "wrong-encoding",
    detail: `The text is not UTF-8: byte ${at} (counted from 0) begins no character. Convert the file to UTF-8 and put it again.`,
  };
}

/** Zero bytes after the last member are padding, as tapes and some tools add; anything else is not. */
function garbageBehindGzip(tally: Tally): Rejection | undefined {
  if (tally.gzipBytes === 0 || tally.lastNonZero < tally.gzipBytes) return undefined;
  return corruptGzip(`after ${tally.gzipBytes} bytes something follows that is not gzip`);
}

function gzipRejection(error: unknown, tally: Tally): Rejection | undefined {
  switch (codeOf(error)) {
    case "Z_BUF_ERROR":
      return {
        reason: "truncated-gzip",
        detail: `The gzip file ends too early: after ${tally.inflatedBytes} bytes of text its end is missing. Put the whole file again.`,
      };
    case "Z_DATA_ERROR":
    case "Z_NEED_DICT":
      return corruptGzip(error instanceof Error ? error.message : "unreadable");
    default:
      return undefined;
  }
}

function corruptGzip(what: string): Rejection {
  return { reason: "corrupt-gzip", detail: `The gzip file is damaged: ${what}. Put an undamaged copy.` };
}
