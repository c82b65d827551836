/** What networks, stores and queues do to a request, each as it looks to who has sent it. */
import { Readable } from "node:stream";

import { PutObjectCommand } from "@aws-sdk/client-s3";

/** The store or the queue says no, with the SDK's name for it. */
export function refusal(name: string, httpStatusCode: number): Error {
  return Object.assign(new Error(name), { name, $metadata: { httpStatusCode } });
}

export function timeOut(): Error {
  return Object.assign(new Error("no answer came in time"), { name: "TimeoutError" });
}

export function reset(text: string): Error {
  return Object.assign(new Error(text), { code: "ECONNRESET" });
}

export function diskFull(): Error {
  return Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
}

/** An answer whose body breaks off in its middle, as the stream of a connection that was reset; undefined where it has none to break. */
export function halved(answer: unknown): object | undefined {
  const { Body: body, ContentLength: length } = answer as { readonly Body?: unknown; readonly ContentLength?: number };
  if (!(body instanceof Readable) || length === undefined || length < 2) return undefined;
  const cut = Readable.from(firstHalf(body, length), { objectMode: false });
  const transformToString = async (): Promise<string> => {
    const pieces: Buffer[] = [];
    for await (const piece of cut) pieces.push(Buffer.from(piece as Uint8Array));
    return Buffer.concat(pieces).toString("utf8");
  };
  return { ...(answer as object), Body: Object.assign(cut, { transformToString }) };
}

type Send = (command: PutObjectCommand, options: { readonly abortSignal: AbortSignal }) => Promise<unknown>;

/** Sends a PUT whose connection ends in the middle of the body. Throws what its sender sees. */
export async function cutUpload({ input }: PutObjectCommand, send: Send): Promise<unknown> {
  const { Body: body, ContentLength: length } = input;
  const whole = body instanceof Readable ? body : Buffer.from((body ?? "") as string);
  const bytes = whole instanceof Readable ? (length ?? 0) : whole.length;
  const over = new AbortController();
  const source = whole instanceof Readable ? whole : Readable.from([whole]);
  const cut = Readable.from(firstHalf(source, bytes), { objectMode: false });
  // The SDK does not look at it: to it the connection is over.
  cut.on("error", (error) => over.abort(error));
  try {
    const command = new PutObjectCommand({ ...input, ContentLength: bytes, Body: cut });
    return await send(command, { abortSignal: over.signal });
  } finally {
    cut.destroy();
  }
}

async function* firstHalf(body: Readable, length: number): AsyncGenerator<Buffer> {
  let left = Math.floor(length / 2);
  for await (const piece of body) {
    const bytes = Buffer.from(piece as Uint8Array).subarray(0, left);
    left -= bytes.length;
    yield bytes;
    if (left <= 0) break;
  }
  throw reset("the body broke off");
}
