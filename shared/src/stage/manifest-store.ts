/** Reads and conditionally writes manifests. The only place that changes one. */
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { manifestKey, sourceIdOf } from "../contracts/keys.ts";
import type { StageName } from "../contracts/keys.ts";
import { manifestSchema } from "../contracts/manifest.ts";
import type { Manifest } from "../contracts/manifest.ts";
import { parseJson } from "../contracts/s3-event.ts";
import { TransientError, httpStatusOf } from "../errors.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Target } from "./types.ts";

/** A manifest and the ETag under which it was read or written. */
export interface Stored {
  readonly manifest: Manifest;
  readonly etag: string;
}

export interface ManifestStore {
  /** The manifest of a source; undefined where the stage has never written one. */
  read(stage: StageName, target: Pick<Target, "dataset" | "source" | "sourceId">): Promise<Stored | undefined>;
  /**
   * Writes over `base` (undefined: the first). Returns "lost" where another was faster, or where an earlier answer was lost.
   * The signal of a lease keeps a request that hangs from arriving when the lease is long over.
   */
  swap(base: Stored | undefined, manifest: Manifest, signal?: AbortSignal): Promise<Stored | "lost">;
}

/** Manifests in the ops bucket. Throws TransientError for a manifest of a newer contract: a newer worker will take the message. */
export function createManifestStore(s3: ObjectStore, bucket: string): ManifestStore {
  return {
    async read(stage, target) {
      const key = manifestKey(stage, target.dataset, target.sourceId);
      const found = await getText(s3, bucket, key);
      if (found === undefined) return undefined;
      const manifest = parseManifest(found.text, `${bucket}/${key}`);
      if (manifest.source.bucket !== target.source.bucket || manifest.source.key !== target.source.key) {
        throw new Error(
          `manifest ${bucket}/${key} is about ${manifest.source.bucket}/${manifest.source.key}, not about ${target.source.bucket}/${target.source.key}`,
        );
      }
      return { manifest, etag: found.etag };
    },

    async swap(base, manifest, signal) {
      const key = manifestKey(manifest.stage, manifest.dataset, sourceIdOf(manifest.source));
      try {
        const answer = await s3.send(
          new PutObjectCommand({
            Bucket: bucket,
            Key: key,
            // One line, so that SQL engines can read the folder as a table.
            Body: `${JSON.stringify(manifest)}\n`,
            ContentType: "application/json",
            ...(base === undefined ? { IfNoneMatch: "*" } : { IfMatch: base.etag }),
          }),
          signal === undefined ? {} : { abortSignal: signal },
        );
        if (answer.ETag === undefined) throw new TransientError(`no ETag in the answer to a PUT of ${bucket}/${key}`);
        return { manifest, etag: answer.ETag };
      } catch (error) {
        // 404: If-Match on a manifest that somebody removed.
        if (httpStatusOf(error) === 412 || (base !== undefined && httpStatusOf(error) === 404)) return "lost";
        throw error;
      }
    },
  };
}

/** Parses a manifest's text. `where` names it in errors. */
export function parseManifest(text: string, where: string): Manifest {
  const json = parseJson(text);
  if (json === undefined) throw new Error(`manifest ${where} is no JSON: it was damaged, or written by hand`);
  const contract = typeof json === "object" && json !== null && "contract" in json ? json.contract : undefined;
  if (contract !== "manifest/1") {
    throw new TransientError(`manifest ${where} is of contract ${String(contract)}; this worker knows manifest/1`);
  }
  return manifestSchema.parse(json);
}

async function getText(
  s3: ObjectStore,
  bucket: string,
  key: string,
): Promise<{ readonly text: string; readonly etag: string } | undefined> {
  try {
    const answer = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    if (answer.Body === undefined || answer.ETag === undefined)
      throw new TransientError(`empty answer for ${bucket}/${key}`);
    return { text: await answer.Body.transformToString(), etag: answer.ETag };
  } catch (error) {
    if (error instanceof Error && error.name === "NoSuchKey") return undefined;
    throw error;
  }
}
