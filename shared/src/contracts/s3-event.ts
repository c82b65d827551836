/** Reads what S3 tells a queue: bare, wrapped by SNS, or by way of EventBridge. */
import { z } from "zod";
import type { Source } from "./keys.ts";

const s3Record = z.object({
  eventSource: z.literal("aws:s3"),
  eventName: z.string(),
  s3: z.object({ bucket: z.object({ name: z.string().min(1) }), object: z.object({ key: z.string().min(1) }) }),
});
/** S3 itself puts one into an event. Each becomes a message of its own, sent one after another while one lease lasts. */
export const maxEventRecords = 1000;
const s3Event = z.object({ Records: z.array(s3Record).min(1).max(maxEventRecords) });
const testEvent = z.object({ Event: z.literal("s3:TestEvent") });
const snsEnvelope = z.object({ Type: z.literal("Notification"), Message: z.string() });
const eventBridge = z.object({
  source: z.literal("aws.s3"),
  "detail-type": z.string(),
  detail: z.object({ bucket: z.object({ name: z.string().min(1) }), object: z.object({ key: z.string().min(1) }) }),
});

/** The sources that an event names, "test" for S3's test event, undefined where it is no S3 event. */
export function readS3Event(json: unknown): readonly Source[] | "test" | undefined {
  if (testEvent.safeParse(json).success) return "test";
  const wrapped = snsEnvelope.safeParse(json);
  if (wrapped.success) return readS3Event(parseJson(wrapped.data.Message));
  const bare = s3Event.safeParse(json);
  if (bare.success) {
    return bare.data.Records.map(({ s3 }) => ({ bucket: s3.bucket.name, key: decodeEventKey(s3.object.key) }));
  }
  const bridged = eventBridge.safeParse(json);
  // EventBridge gives the key as it is, not form-encoded.
  if (bridged.success) return [{ bucket: bridged.data.detail.bucket.name, key: bridged.data.detail.object.key }];
  return undefined;
}

/** An S3 notification's key as it is in the bucket: `+` is a space, then percent-decoding. Throws URIError on a broken escape. */
export function decodeEventKey(encoded: string): string {
  return decodeURIComponent(encoded.replaceAll("+", " "));
}

/** A JSON value, or undefined where the text is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
