/** The fuse of one dataset: how many sources were retracted lately, and whether that was too many. One object in ops. */
import { z } from "zod";
import { tolerant } from "./tolerant.ts";

export const fuseSchema = tolerant({
  contract: z.literal("fuse/1"),
  dataset: z.string(),
  /** Retractions by the five minutes in which they fell (its begin, ISO 8601); those of the last hour. */
  recent: z.record(z.string(), z.int().min(0)),
  /** Objects of the dataset in raw, as they were last counted; null where they were not yet. */
  sources: tolerant({ count: z.int().min(0), countedAt: z.string() }).nullable(),
  /** Too many were retracted: no more are until an operator says so. Null while the fuse is whole. */
  blown: tolerant({ at: z.string(), retractions: z.int(), sources: z.int() }).nullable(),
  /** An operator's word: so many may go by, until then. They count for nothing. */
  pass: tolerant({ left: z.int().min(0), until: z.string(), by: z.string() }).nullable(),
});
export type Fuse = z.infer<typeof fuseSchema>;
