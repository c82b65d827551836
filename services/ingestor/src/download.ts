/** Brings a body into a file: bounded in bytes and time, and resumed where the source allows it. */
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { addAbortListener } from "node:events";
import { open as openFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { Clock } from "@airlake/shared/clock";
import { TransientError } from "@airlake/shared/errors";
import { refused } from "./source-body.ts";
import type { Open, Refusal, Rest } from "./source-body.ts";

export interface Limits {
  readonly maxBytes: number;
  /** Without a byte for this long, the connection is given up. */
  readonly idleMs: number;
  /** The whole download, resumptions included. */
  readonly totalMs: number;
}

export interface Downloaded {
  readonly kind: "downloaded";
  readonly sizeBytes: number;
  /** Hexadecimal. */
  readonly md5: string;
  /** How often the connection broke on the way. */
  readonly resumptions: number;
}

export interface DownloadDeps {
  readonly open: Open;
  readonly clock: Clock;
  readonly limits: Limits;
  /** The source, for people; without secrets. */
  readonly shown: string;
}

/** How far a download has come. Only ever what is in the file, too. */
interface Progress {
  sizeBytes: number;
  md5: Hash;
  validator: string | undefined;
}

const mostResumptions = 5;
const firstWaitMs = 200;

/** Writes the body to a new file at `path`. Throws TransientError where the source broke off for good. */
export async function download(deps: DownloadDeps, path: string, signal: AbortSignal): Promise<Downloaded | Refusal> {
  await using file = await openFile(path, "wx");
  using total = startTimer(deps.limits.totalMs, `${deps.shown} takes longer than allowed`);
  const stop = AbortSignal.any([signal, total.signal]);
  const progress: Progress = { sizeBytes: 0, md5: createHash("md5"), validator: undefined };
  for (let resumptions = 0; ; resumptions += 1) {
    try {
      const refusal = await receive(deps, file, { progress, stop });
      if (refusal !== undefined) return refusal;
      return { kind: "downloaded", sizeBytes: progress.sizeBytes, md5: progress.md5.digest("hex"), resumptions };
    } catch (error) {
      stop.throwIfAborted();
      const canResume = error instanceof TransientError && restOf(progress) !== undefined;
      if (!canResume || resumptions >= mostResumptions) throw error;
    }
    await deps.clock.sleep(firstWaitMs * 2 ** resumptions * (0.5 + deps.clock.random() / 2), stop);
  }
}

function restOf({ sizeBytes, validator }: Progress): Rest | undefined {
  return sizeBytes > 0 && validator !== undefined ? { offset: sizeBytes, validator } : undefined;
}

/** One connection. Throws TransientError where it breaks. */
async function receive(
  deps: DownloadDeps,
  file: FileHandle,
  { progress, stop }: { readonly progress: Progress; readonly stop: AbortSignal },
): Promise<Refusal | undefined> {
  using idle = startTimer(deps.limits.idleMs, `${deps.shown} sent nothing for ${deps.limits.idleMs / 1000} s`);
  const signal = AbortSignal.any([stop, idle.signal]);
  const body = await deps.open(restOf(progress), signal).catch((error: unknown) => throwReason(signal, error));
  if (body.kind === "refused") return body;
  using _ = addAbortListener(signal, () => void body.stream.destroy());
  if (body.offset !== progress.sizeBytes) await restart(file, progress);
  progress.validator = body.validator;
  if ((body.totalBytes ?? 0) > deps.limits.maxBytes) {
    body.stream.destroy();
    return tooLarge(deps, body.totalBytes);
  }
  for await (const chunk of chunksOf(body.stream, { shown: deps.shown, signal })) {
    idle.restart();
    if (progress.sizeBytes + chunk.length > deps.limits.maxBytes) return tooLarge(deps, undefined);
    await append(file, progress, chunk);
  }
  if (body.totalBytes !== undefined && progress.sizeBytes !== body.totalBytes) {
    throw new TransientError(`${deps.shown} ended after ${progress.sizeBytes} of ${body.totalBytes} bytes`);
  }
  return undefined;
}

/** The bytes as they come. Only what goes wrong with the connection becomes a TransientError here. */
async function* chunksOf(
  stream: Readable,
  { shown, signal }: { readonly shown: string; readonly signal: AbortSignal },
): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream) {
      // Streams of node:http give nothing else, as long as no encoding is set on them.
      if (Buffer.isBuffer(chunk)) yield chunk;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new TransientError(`${shown} broke off`, { cause: error });
  }
  signal.throwIfAborted();
}

async function append(file: FileHandle, progress: Progress, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, at, chunk.length - at, progress.sizeBytes + at);
    at += bytesWritten;
  }
  progress.md5.update(chunk);
  progress.sizeBytes += chunk.length;
}

async function restart(file: FileHandle, progress: Progress): Promise<void> {
  await file.truncate(0);
  progress.sizeBytes = 0;
  progress.md5 = createHash("md5");
}

function tooLarge({ shown, limits }: DownloadDeps, totalBytes: number | undefined): Refusal {
  const size = totalBytes === undefined ? "is" : `has ${totalBytes} bytes:`;
  return refused("too-large", `${shown} ${size} more than the ${limits.maxBytes} bytes of MAX_OBJECT_BYTES`);
}

function throwReason(signal: AbortSignal, error: unknown): never {
  signal.throwIfAborted();
  throw error;
}

/** Aborts its signal with a TransientError, unless it is restarted or disposed of in time. */
function startTimer(
  ms: number,
  message: string,
): Disposable & { readonly signal: AbortSignal; readonly restart: () => void } {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new TransientError(message)), ms);
  return {
    signal: abort.signal,
    restart: () => void timer.refresh(),
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
