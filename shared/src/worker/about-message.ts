/** What a message is about, as far as its text tells it: for logs, failure records and the status page, also where nobody can handle it. */
import type { Message } from "@aws-sdk/client-sqs";
import { z } from "zod";
import { maxKeyBytes } from "../contracts/keys.ts";
import { parseJson, readS3Event } from "../contracts/s3-event.ts";

export interface About {
  /** Our own messages carry it; an S3 event's story begins with its message id. */
  readonly correlationId: string;
  /** The source's key, or how many sources an event names; undefined where the text names none. */
  readonly key: string | undefined;
}

const ownMessage = z.object({
  correlationId: z.string().optional(),
  source: z.object({ key: z.string() }).optional(),
  to: z.object({ key: z.string() }).optional(),
});

/** Never throws: a text that cannot be read is about nothing. */
export function aboutMessage(message: Message): About {
  const json = parseJson(message.Body ?? "");
  const own = ownMessage.safeParse(json).data;
  const correlationId = own?.correlationId ?? message.MessageId ?? "none";
  const key = own?.source?.key ?? own?.to?.key ?? keyInEvent(json);
  // No good one is longer; what is wrong in a message must not make its log line a megabyte.
  return { correlationId: correlationId.slice(0, 128), key: key?.slice(0, maxKeyBytes) };
}

function keyInEvent(json: unknown): string | undefined {
  try {
    const sources = readS3Event(json);
    if (sources === undefined || sources === "test") return undefined;
    return sources.length === 1 ? sources[0]?.key : `${sources.length} sources`;
  } catch (error) {
    // A key with a broken escape: the handler says so.
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
