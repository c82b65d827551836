/** The failure record: why a message died, written before it is parked, so that a dead-letter queue can be listed without consuming it. */
import { z } from "zod";
import { tolerant } from "./tolerant.ts";

/** What became of the dead message: nothing of it is left in the dead-letter queue. */
const settlement = tolerant({
  at: z.string(),
  /** `gone`: a look through the whole queue did not find it. */
  how: z.enum(["replayed", "discarded", "gone"]),
  /** The id of the audit record of the action; absent for `gone`. */
  by: z.string().optional(),
  /** The replayed message's id in the queue it was sent to. */
  sentAs: z.string().optional(),
});
export type Settlement = z.infer<typeof settlement>;

export const failureRecordSchema = tolerant({
  contract: z.literal("failure/1"),
  service: z.string(),
  reason: z.string(),
  /** A sentence for a person. */
  detail: z.string(),
  errors: z.array(z.string()),
  at: z.string(),
  messageId: z.string(),
  receiveCount: z.int(),
  /** When the message was sent first, as its queue tells it. */
  sentAt: z.string().optional(),
  /** `queue`: left by the last attempt; SQS then moves the message itself, which keeps its age. A worker parks by sending a new one. */
  parkedBy: z.enum(["worker", "queue"]).default("worker"),
  correlationId: z.string().optional(),
  source: z.object({ bucket: z.string(), key: z.string() }).optional(),
  identity: z.string().optional(),
  attempt: z.string().optional(),
  /** How the input begins: its text, or hexadecimal bytes where it is no text. */
  firstBytes: z.string().optional(),
  body: z.string(),
  attributes: z.record(z.string(), z.string()),
  workerVersion: z.string(),
  settled: settlement.optional(),
});
export type FailureRecord = z.infer<typeof failureRecordSchema>;
