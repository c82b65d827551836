/** What the cleaner accepts: S3's events, bare or wrapped, and its own pointers. */
import type { Message } from "@aws-sdk/client-sqs";
import { type Source, maxKeyBytes } from "@airlake/shared/contracts/keys";
import { sourceChanged } from "@airlake/shared/contracts/messages";
import { maxEventRecords, parseJson, readS3Event } from "@airlake/shared/contracts/s3-event";

export type Command =
  | {
      readonly kind: "look";
      readonly source: Source;
      readonly correlationId: string;
      /** An S3 event: the story begins here, unless the object's metadata tells its beginning. */
      readonly begins: boolean;
    }
  | { readonly kind: "split"; readonly sources: readonly Source[]; readonly correlationId: string }
  | { readonly kind: "skipped"; readonly reason: string }
  | { readonly kind: "unreadable"; readonly detail: string };

/** Reads a message. Never throws: what cannot be read is said. */
export function parse(message: Message): Command {
  const json = parseJson(message.Body ?? "");
  if (json === undefined) return { kind: "unreadable", detail: "the message's body is no JSON" };
  const pointer = sourceChanged.safeParse(json);
  if (pointer.success) {
    const { source, correlationId } = pointer.data;
    return { kind: "look", source, correlationId, begins: false };
  }
  const correlationId = message.MessageId ?? "none";
  try {
    const sources = readS3Event(json);
    if (sources === "test") return { kind: "skipped", reason: "s3-test-event" };
    if (sources === undefined) {
      const detail = `the message is neither an S3 event with at most ${maxEventRecords} records nor source-changed/1`;
      return { kind: "unreadable", detail };
    }
    const tooLong = sources.find(({ key }) => Buffer.byteLength(key) > maxKeyBytes);
    if (tooLong !== undefined) {
      return {
        kind: "unreadable",
        detail: `the event names a key of more than ${maxKeyBytes} bytes, which S3 cannot have`,
      };
    }
    const [source] = sources;
    if (source !== undefined && sources.length === 1) return { kind: "look", source, correlationId, begins: true };
    return { kind: "split", sources, correlationId };
  } catch (error) {
    if (error instanceof URIError)
      return { kind: "unreadable", detail: "the event's object key is not form-encoded text" };
    throw error;
  }
}
