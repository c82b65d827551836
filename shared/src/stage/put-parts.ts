/** Parts on their way from scratch to their buckets. */
import { createReadStream } from "node:fs";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import type { Buckets } from "../contracts/topology.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Hand } from "../worker/hand.ts";
import type { PartFile } from "./types.ts";

interface Deps {
  readonly s3: ObjectStore;
  readonly settings: { readonly buckets: Pick<Buckets, "silver" | "gold"> };
}

const putsAtOnce = 8;

/**
 * Puts these parts until one fails or the lease is over. Comes back, or throws the failure, only when none is on its way any more: one
 * that arrived after its attempt gave up would be nobody's.
 */
export async function putParts(
  deps: Deps,
  files: readonly PartFile[],
  hand: Pick<Hand, "lease" | "signal">,
): Promise<void> {
  const queue = [...files];
  const failures: { readonly error: unknown }[] = [];
  const putNext = async (): Promise<void> => {
    while (failures.length === 0 && !hand.lease.isOver()) {
      const next = queue.shift();
      if (next === undefined) return;
      await putPart(deps, next, hand.signal).catch((error: unknown) => failures.push({ error }));
    }
  };
  await Promise.all(Array.from({ length: Math.min(putsAtOnce, queue.length) }, putNext));
  if (failures[0] !== undefined) throw failures[0].error;
}

async function putPart(deps: Deps, { file, part }: PartFile, signal: AbortSignal): Promise<void> {
  const body = createReadStream(file);
  // A client that gives up early never looks at the stream; an error without a listener would end the whole worker.
  body.on("error", () => {});
  try {
    await deps.s3.send(
      new PutObjectCommand({
        Bucket: deps.settings.buckets[part.bucket],
        Key: part.key,
        Body: body,
        ContentLength: part.bytes,
        ContentType: "application/vnd.apache.parquet",
      }),
      { abortSignal: signal },
    );
  } finally {
    body.destroy();
  }
}
