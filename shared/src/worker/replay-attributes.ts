/** What a replay stamps on a message, as message attributes: which replay it was, the how-manieth of this message, and whose. */
import type { Message, MessageAttributeValue } from "@aws-sdk/client-sqs";

const names = { id: "replay.id", count: "replay.count", by: "replay.by" } as const;

export interface ReplayStamp {
  /** The id of the replay's audit record. */
  readonly id: string;
  /** 1 for the first replay of a message. */
  readonly count: number;
  readonly by: string;
}

type Attributes = Readonly<Record<string, MessageAttributeValue>>;

/** The attributes of a stamp. */
export function stamped({ id, count, by }: ReplayStamp): Attributes {
  return {
    [names.id]: { DataType: "String", StringValue: id },
    [names.count]: { DataType: "Number", StringValue: String(count) },
    [names.by]: { DataType: "String", StringValue: by },
  };
}

/** The stamp that a message came with, to be passed on with what is made of it; nothing where it was never replayed. */
export function stampOf(message: Pick<Message, "MessageAttributes">): Attributes {
  return Object.fromEntries(
    Object.values(names).flatMap((name) => {
      const value = message.MessageAttributes?.[name];
      return value?.StringValue === undefined
        ? []
        : [[name, { DataType: value.DataType, StringValue: value.StringValue }]];
    }),
  );
}

/** The replay that sent a message; undefined where none did. */
export function replayIdOf(message: Pick<Message, "MessageAttributes">): string | undefined {
  return message.MessageAttributes?.[names.id]?.StringValue;
}

/** How often a message was replayed. */
export function replayCountOf(message: Pick<Message, "MessageAttributes">): number {
  const count = Number(message.MessageAttributes?.[names.count]?.StringValue ?? "0");
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}

/** The replay that a failure record's message was of, by the attributes that the record kept. */
export function replayIdIn(attributes: Readonly<Record<string, string>>): string | undefined {
  return attributes[names.id];
}
