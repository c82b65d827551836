/** The messages between the services. A message says where to look, never what to find. */
import { z } from "zod";

const source = z.strictObject({ bucket: z.string().min(1), key: z.string().min(1).max(1024) });
const correlationId = z.string().min(1).max(128);

/** To the cleaner: look at this source. */
export const sourceChanged = z.strictObject({ contract: z.literal("source-changed/1"), source, correlationId });
export type SourceChanged = z.infer<typeof sourceChanged>;

/** To the joiner: the cleaner's manifest of this source may have changed. */
export const cleanReady = z.strictObject({ contract: z.literal("clean-ready/1"), source, correlationId });
export type CleanReady = z.infer<typeof cleanReady>;

/** To catalog-sync: these partitions have, or had, parts of this source. */
export const partitionsChanged = z.strictObject({
  contract: z.literal("partitions-changed/1"),
  source,
  dataset: z.string(),
  partitions: z.array(z.string()),
  correlationId,
});
export type PartitionsChanged = z.infer<typeof partitionsChanged>;

/** To the ingestor: bring this object into raw, under this key. */
export const ingestRequest = z.strictObject({
  contract: z.literal("ingest-request/1"),
  connector: z.literal("object"),
  /** https://…, http://… or s3://bucket/key. */
  from: z.string().regex(/^(https?|s3):\/\/\S+$/),
  to: source,
  /** Read an s3:// object without credentials, as public buckets allow. */
  unsigned: z.boolean(),
  correlationId,
});
export type IngestRequest = z.infer<typeof ingestRequest>;
