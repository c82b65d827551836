/** Brings one object into raw: look at what is there, download, compare, put. */
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import type { Clock } from "@airlake/shared/clock";
import type { Source } from "@airlake/shared/contracts/keys";
import { storyMetadata } from "@airlake/shared/contracts/story";
import { TransientError, httpStatusOf } from "@airlake/shared/errors";
import type { ObjectStore } from "@airlake/shared/object-store";
import type { Hand } from "@airlake/shared/worker/hand";
import type { ScratchFolders } from "@airlake/shared/worker/scratch-folders";
import { download } from "./download.ts";
import type { Downloaded, Limits } from "./download.ts";
import type { Address, Request } from "./parse.ts";
import type { Open, Refusal } from "./source-body.ts";

export interface BringDeps {
  /** The lake's. */
  readonly s3: ObjectStore;
  readonly clock: Clock;
  readonly open: (from: Address) => Open;
  readonly limits: Limits;
  readonly scratch: ScratchFolders;
}

export type Brought =
  | { readonly kind: "brought" | "already-there"; readonly sizeBytes: number; readonly resumptions: number }
  /** A request that was made later has brought its object under this key already. */
  | { readonly kind: "overtaken" }
  | Refusal;

/** What raw holds under a key. */
interface Held {
  readonly etag: string;
  readonly sizeBytes: number;
  /** When the request was made that brought it. Unix milliseconds; 0 where it came in another way. */
  readonly askedAtMs: number;
}

/** In the object's metadata: a request that failed for hours must not overwrite what a later one has brought. */
const askedAtName = "asked-at-ms";

/** Puts the object's bytes under `to`, unless they are there. A crash on the way leaves raw as it was. */
export async function bringObject(
  deps: BringDeps,
  request: Request,
  hand: Pick<Hand, "signal" | "lease">,
): Promise<Brought> {
  await using scratch = await deps.scratch.take();
  const path = join(scratch.path, "body");
  // Before the download: whoever has written there since, may have brought something newer than this.
  const before = await look(deps.s3, request.to, hand.signal);
  if (request.askedAtMs !== undefined && (before?.askedAtMs ?? 0) > request.askedAtMs) return { kind: "overtaken" };
  const { shown } = request.from;
  const source = { open: deps.open(request.from), clock: deps.clock, limits: deps.limits, shown };
  const downloaded = await download(source, path, hand.signal);
  if (downloaded.kind === "refused") return downloaded;
  const { sizeBytes, resumptions } = downloaded;
  if (isSame(before, downloaded)) return { kind: "already-there", sizeBytes, resumptions };
  hand.lease.check();
  await put(deps.s3, { path, downloaded, before, request }, hand.signal);
  return { kind: "brought", sizeBytes, resumptions };
}

async function look(s3: ObjectStore, { bucket, key }: Source, signal: AbortSignal): Promise<Held | undefined> {
  try {
    const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
    const askedAtMs = Number(head.Metadata?.[askedAtName] ?? "0");
    return { etag: head.ETag ?? "", sizeBytes: head.ContentLength ?? -1, askedAtMs };
  } catch (error) {
    if (httpStatusOf(error) === 404) return undefined;
    throw error;
  }
}

/** The ETag of a single PUT is the MD5. Where it is not (multipart, KMS), the object is put again, which harms nothing. */
function isSame(held: Held | undefined, { sizeBytes, md5 }: Downloaded): boolean {
  return held?.sizeBytes === sizeBytes && held.etag === `"${md5}"`;
}

interface Upload {
  readonly path: string;
  readonly downloaded: Downloaded;
  readonly request: Omit<Request, "from">;
  readonly before: Held | undefined;
}

/** One PUT, all or nothing, and only where raw still holds what it held before the download. */
async function put(s3: ObjectStore, { path, downloaded, request, before }: Upload, signal: AbortSignal): Promise<void> {
  const { to } = request;
  const condition = before === undefined ? { IfNoneMatch: "*" } : { IfMatch: before.etag };
  const body = createReadStream(path);
  // A client that gives up early never looks at the stream; an error without a listener would end the whole worker.
  body.on("error", () => {});
  try {
    const asked = request.askedAtMs === undefined ? {} : { [askedAtName]: String(request.askedAtMs) };
    const about = {
      ContentLength: downloaded.sizeBytes,
      Metadata: { ...storyMetadata(request.correlationId), ...asked },
    };
    await s3.send(new PutObjectCommand({ Bucket: to.bucket, Key: to.key, Body: body, ...about, ...condition }), {
      abortSignal: signal,
    });
  } catch (error) {
    const isChanged = httpStatusOf(error) === 412 || (error instanceof Error && error.name === "NoSuchKey");
    if (!isChanged) throw error;
    // An SDK that tries again after a lost answer meets its own success.
    if (isSame(await look(s3, to, signal), downloaded)) return;
    throw new TransientError(`${to.bucket}/${to.key} was changed by another meanwhile`, { cause: error });
  } finally {
    body.destroy();
  }
}
