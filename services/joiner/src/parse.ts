/** What the joiner accepts: clean-ready/1, and nothing else. */
import type { Message } from "@aws-sdk/client-sqs";
import { cleanReady } from "@airlake/shared/contracts/messages";
import type { CleanReady } from "@airlake/shared/contracts/messages";
import { parseJson } from "@airlake/shared/contracts/s3-event";

export type Command =
  | { readonly kind: "look"; readonly pointer: CleanReady }
  | { readonly kind: "unreadable"; readonly detail: string };

/** Reads a message. Never throws: what cannot be read is said. */
export function parse(message: Message): Command {
  const pointer = cleanReady.safeParse(parseJson(message.Body ?? ""));
  if (pointer.success) return { kind: "look", pointer: pointer.data };
  return { kind: "unreadable", detail: "the message is not clean-ready/1" };
}
