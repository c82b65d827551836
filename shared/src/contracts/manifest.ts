/** The manifest: what a stage has made of a source, and the only truth about it. DESIGN: states current, rejected, retracted. */
import { z } from "zod";
import { tolerant } from "./tolerant.ts";

const counts = tolerant({
  read: z.int().min(0),
  kept: z.int().min(0),
  quarantined: z.int().min(0),
  reasons: z.record(z.string(), z.int().min(0)),
  flags: z.record(z.string(), z.int().min(0)),
});
/** What became of a source's records. read = kept + quarantined. */
export type Counts = z.infer<typeof counts>;

const part = tolerant({
  bucket: z.enum(["silver", "gold"]),
  /** Readers join it to a folder's path. */
  key: z.string().refine((key) => !key.split("/").includes(".."), "a part's key stays in its bucket"),
  rows: z.int().min(0),
  bytes: z.int().min(0),
  /** `clean`, `quarantine`, or the partition path in gold. */
  role: z.enum(["clean", "quarantine", "gold"]),
  partition: z.string(),
});
/** One Parquet object that an attempt wrote. */
export type Part = z.infer<typeof part>;

const rejection = tolerant({
  reason: z.string(),
  detail: z.string(),
  failureKey: z.string(),
  parked: z.boolean(),
  /** The replay that tried it last. */
  replayId: z.string().optional(),
});

const input = tolerant({
  /** The cleaner's: the object's ETag. The joiner's: the cleaner's commit that it read. "gone" where there is none. */
  identity: z.string(),
  sizeBytes: z.int().min(0).optional(),
  lastModified: z.string().optional(),
  versionId: z.string().optional(),
});
export type InputIdentity = z.infer<typeof input>;

export const manifestSchema = tolerant({
  contract: z.literal("manifest/1"),
  stage: z.enum(["cleaner", "joiner"]),
  dataset: z.string(),
  source: tolerant({ bucket: z.string(), key: z.string() }),
  sourceId: z.string(),
  generation: z.int().min(0),
  attempt: z.string(),
  state: z.enum(["new", "current", "rejected", "retracted"]),
  /** True where the outputs are of an older version, because the newest one was rejected. */
  stale: z.boolean(),
  input: input.nullable(),
  fingerprint: z.string(),
  rulePack: z.int().nullable(),
  format: z.string().nullable(),
  referenceTime: z.string().nullable(),
  counts: counts.nullable(),
  rejection: rejection.nullable(),
  outputs: z.array(part),
  pending: z.array(part.pick({ bucket: true, key: true, partition: true })),
  debris: z.array(part.pick({ bucket: true, key: true, partition: true })),
  /** The last 20 versions, newest first. */
  versions: z.array(
    tolerant({
      identity: z.string(),
      generation: z.int(),
      state: z.string(),
      read: z.int().nullable(),
      kept: z.int().nullable(),
      at: z.string(),
    }),
  ),
  timings: z.record(z.string(), z.number()),
  committedAt: z.string().nullable(),
  correlationId: z.string(),
  workerVersion: z.string(),
});
export type Manifest = z.infer<typeof manifestSchema>;
/** A part's place, enough to delete it. */
export type PartRef = Manifest["debris"][number];

/**
 * One commit of a stage, as the next stage takes it for its input's identity. The generation alone would come again, with other rows, where a
 * manifest was lost and made anew.
 */
export function commitOf({ generation, attempt }: Pick<Manifest, "generation" | "attempt">): string {
  return `${generation}-${attempt}`;
}

/** Whether an input's identity is the manifest's commit. Joiners before noted the generation alone, and did what it named all the same. */
export function isCommitOf(identity: string | undefined, manifest: Manifest): boolean {
  return identity === commitOf(manifest) || identity === String(manifest.generation);
}
