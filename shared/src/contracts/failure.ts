/** The failure record: why a message died, written before it is parked, so that a dead-letter queue can be listed without consuming it. */
import { z } from "zod";

export const failureRecordSchema = z.strictObject({
  contract: z.literal("failure/1"),
  service: z.string(),
  reason: z.string(),
  /** A sentence for a person. */
  detail: z.string(),
  errors: z.array(z.string()),
  at: z.string(),
  messageId: z.string(),
  receiveCount: z.int(),
  correlationId: z.string().optional(),
  source: z.object({ bucket: z.string(), key: z.string() }).optional(),
  identity: z.string().optional(),
  attempt: z.string().optional(),
  /** How the input begins: its text, or hexadecimal bytes where it is no text. */
  firstBytes: z.string().optional(),
  body: z.string(),
  attributes: z.record(z.string(), z.string()),
  workerVersion: z.string(),
});
export type FailureRecord = z.infer<typeof failureRecordSchema>;
