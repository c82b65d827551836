/** The one place where parts are deleted. */
import { DeleteObjectsCommand } from "@aws-sdk/client-s3";
import type { PartRef } from "../contracts/manifest.ts";
import { TransientError } from "../errors.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Buckets } from "../contracts/topology.ts";

/** S3 takes this many keys in one request. */
const keysPerRequest = 1000;

/** Deletes these parts; one that is gone already is no error. Throws TransientError where the store refused any. */
export async function deleteParts(
  deps: { readonly s3: ObjectStore; readonly settings: { readonly buckets: Pick<Buckets, "silver" | "gold"> } },
  parts: readonly PartRef[],
): Promise<void> {
  for (const bucket of new Set(parts.map((part) => part.bucket))) {
    const keys = parts.filter((part) => part.bucket === bucket).map((part) => ({ Key: part.key }));
    for (let at = 0; at < keys.length; at += keysPerRequest) {
      const answer = await deps.s3.send(
        new DeleteObjectsCommand({
          Bucket: deps.settings.buckets[bucket],
          Delete: { Objects: keys.slice(at, at + keysPerRequest), Quiet: true },
        }),
      );
      const [refused] = answer.Errors ?? [];
      if (refused !== undefined) {
        throw new TransientError(
          `cannot delete ${bucket}/${refused.Key ?? "?"}: ${refused.Code ?? "?"} ${refused.Message ?? ""}`,
        );
      }
    }
  }
}
