/** The audit record: who did what to the lake, to what, and what came of it. One object in ops for each action. */
import { z } from "zod";
import { tolerant } from "./tolerant.ts";

const caller = tolerant({
  /** The name at the operating system, `user@host`. */
  user: z.string(),
  /** AWS_PROFILE, AWS_ROLE_ARN and AWS_ROLE_SESSION_NAME, where they are set: names, never keys. */
  awsProfile: z.string().optional(),
  awsRole: z.string().optional(),
  awsSession: z.string().optional(),
});
export type Caller = z.infer<typeof caller>;

const item = tolerant({
  id: z.string(),
  stage: z.string(),
  reason: z.string(),
  keys: z.array(z.string()),
  messageId: z.string(),
  failureKey: z.string().optional(),
  /** `planned` until it is done; why not, where it was not done. */
  result: z.string(),
  at: z.string().optional(),
  /** The message's id in the queue it was sent to. */
  sentAs: z.string().optional(),
  /** Kept where the action leaves it nowhere else. */
  body: z.string().optional(),
});
export type AuditItem = z.infer<typeof item>;

export const auditRecordSchema = tolerant({
  contract: z.literal("audit/1"),
  id: z.string(),
  /** `dlq-replay`, `dlq-discard`, … */
  action: z.string(),
  at: z.string(),
  endedAt: z.string().optional(),
  by: caller,
  filter: z.record(z.string(), z.string()),
  planHash: z.string().optional(),
  because: z.string().optional(),
  counts: z.record(z.string(), z.int()),
  items: z.array(item),
  /** `running` is written before the first step: where it stays, the command was killed. `stopped`: by a person, or by a canary. */
  outcome: z.enum(["running", "done", "stopped", "failed"]),
  /** A sentence for a person. */
  detail: z.string().optional(),
  version: z.string(),
});
export type AuditRecord = z.infer<typeof auditRecordSchema>;
