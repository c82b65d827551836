/**
 * The messages between the services. A message says where to look, never what to find. A field that only a newer version knows is passed by;
 * what everybody must heed is another contract number.
 */
import { z } from "zod";
import { maxKeyBytes } from "./keys.ts";

const key = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= maxKeyBytes, `a key has at most ${maxKeyBytes} bytes in UTF-8`);
const source = z.object({ bucket: z.string().min(1), key });
const correlationId = z.string().min(1).max(128);

/** To the cleaner: look at this source. */
export const sourceChanged = z.object({ contract: z.literal("source-changed/1"), source, correlationId });
export type SourceChanged = z.infer<typeof sourceChanged>;

/** To the joiner: the cleaner's manifest of this source may have changed. */
export const cleanReady = z.object({ contract: z.literal("clean-ready/1"), source, correlationId });
export type CleanReady = z.infer<typeof cleanReady>;

/** To catalog-sync: these partitions have, or had, parts of this source. */
export const partitionsChanged = z.object({
  contract: z.literal("partitions-changed/1"),
  source,
  dataset: z.string(),
  partitions: z.array(z.string()),
  correlationId,
});
export type PartitionsChanged = z.infer<typeof partitionsChanged>;

/** To the ingestor: bring this object into raw, under this key. */
export const ingestRequest = z.object({
  contract: z.literal("ingest-request/1"),
  connector: z.literal("object"),
  /** https://…, http://… or s3://bucket/key. No server that we know of takes a longer address. */
  from: z
    .string()
    .regex(/^(https?|s3):\/\/\S+$/)
    .max(8192),
  to: source,
  /** Read an s3:// object without credentials, as public buckets allow. */
  unsigned: z.boolean(),
  correlationId,
});
export type IngestRequest = z.infer<typeof ingestRequest>;
