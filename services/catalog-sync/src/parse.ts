/** What catalog-sync accepts: partitions-changed/1, and nothing else. */
import type { Message } from "@aws-sdk/client-sqs";
import { partitionsChanged } from "@airlake/shared/contracts/messages";
import type { PartitionsChanged } from "@airlake/shared/contracts/messages";
import { parseJson } from "@airlake/shared/contracts/s3-event";

export type Command =
  | { readonly kind: "look"; readonly changed: PartitionsChanged }
  | { readonly kind: "unreadable"; readonly detail: string };

/** Reads a message. Never throws: what cannot be read is said. */
export function parse(message: Message): Command {
  const changed = partitionsChanged.safeParse(parseJson(message.Body ?? ""));
  if (changed.success) return { kind: "look", changed: changed.data };
  return { kind: "unreadable", detail: "the message is not partitions-changed/1" };
}
