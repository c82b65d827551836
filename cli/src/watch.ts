/** Follows the services of this process by their logs and by what they receive: how far they are, and what failed. */
import { type Message, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { cleanReady, ingestRequest, partitionsChanged, sourceChanged } from "@airlake/shared/contracts/messages";
import { parseJson, readS3Event } from "@airlake/shared/contracts/s3-event";
import type { QueueClient } from "@airlake/shared/queue-client";

/** A message that failed at least once and was not settled since. */
export interface FailedMessage {
  readonly messageId: string;
  readonly keys: readonly string[];
  /** How often it was received, in this process and before. */
  readonly receives: number;
  readonly error: string;
  /** The system's code of the error, where it has one. */
  readonly code: string | undefined;
}

export interface Watch {
  /** Takes the services' log lines. */
  readonly sink: { write(line: string): void };
  /** The same client, watched. */
  readonly watched: (sqs: QueueClient) => QueueClient;
  /** Messages that failed and are not settled yet. */
  failed(): readonly FailedMessage[];
  /** How many messages were settled since the start. */
  settled(): number;
  /** How many messages are being worked on in this process. */
  inHand(): number;
  /** Sources whose rows are in gold, or that were rejected, since the start. */
  settledKeys(): ReadonlySet<string>;
  /** Records that the cleaner has read since the start. */
  recordsRead(): number;
}

interface Line {
  readonly service: string;
  readonly level: number;
  readonly msg: string;
  readonly messageId: string;
  readonly receiveCount: number;
  readonly outcome: string;
  readonly reason: string;
  readonly key: string;
  readonly rowsRead: number;
  readonly err: { readonly message?: unknown; readonly code?: unknown };
}

const warn = 40;

export interface WatchListeners {
  /** Is given every line as it is. */
  readonly onLine?: (line: string) => void;
  /** Is given those that a person may want to find later. */
  readonly onWarning?: (line: string) => void;
  /** Whoever watches for ever must not collect keys. */
  readonly keepsNoKeys?: boolean;
}

export function createWatch(listeners: WatchListeners = {}): Watch {
  const failed = new Map<string, FailedMessage>();
  const settled = new Set<string>();
  const inHand = new Map<string, readonly string[]>();
  let records = 0;
  let settlements = 0;

  const settle = (line: Line): void => {
    settlements += 1;
    failed.delete(line.messageId);
    inHand.delete(line.messageId);
    if (line.service === "cleaner" && line.outcome === "done") records += line.rowsRead;
    // What the cleaner rejects has no rows to wait for.
    if (listeners.keepsNoKeys === true || line.key === "") return;
    if (line.service === "joiner" || line.outcome === "rejected") settled.add(line.key);
  };
  const fail = (line: Line): void => {
    const { message, code } = line.err;
    failed.set(line.messageId, {
      messageId: line.messageId,
      keys: inHand.get(line.messageId) ?? [],
      receives: line.receiveCount,
      error: typeof message === "string" ? message : "unknown error",
      code: typeof code === "string" ? code : undefined,
    });
    inHand.delete(line.messageId);
  };
  return {
    sink: {
      write(text) {
        listeners.onLine?.(text);
        const line = lineOf(text);
        if (line === undefined) return;
        if (line.level >= warn) listeners.onWarning?.(text);
        if (line.msg === "message settled") settle(line);
        else if (line.msg === "message failed") fail(line);
      },
    },
    watched: (sqs) => watchedClient(sqs, (message) => inHand.set(message.MessageId ?? "", keysOf(message))),
    failed: () => [...failed.values()],
    settled: () => settlements,
    inHand: () => inHand.size,
    settledKeys: () => settled,
    recordsRead: () => records,
  };
}

/** Passes every command on, and looks at what a receive brings. */
function watchedClient(sqs: QueueClient, onMessage: (message: Message) => void): QueueClient {
  const send = async (command: unknown, ...rest: readonly unknown[]): Promise<unknown> => {
    // The overloads of `send` cannot be written once more; every one of them is passed on as it came.
    const answer: unknown = await Reflect.apply(sqs.send, sqs, [command, ...rest]);
    if (command instanceof ReceiveMessageCommand) for (const message of messagesIn(answer)) onMessage(message);
    return answer;
  };
  return { send: send as QueueClient["send"] };
}

function messagesIn(answer: unknown): readonly Message[] {
  if (typeof answer !== "object" || answer === null || !("Messages" in answer)) return [];
  return Array.isArray(answer.Messages) ? answer.Messages : [];
}

/** The keys of the sources that a message of any of the queues is about. */
export function keysOf(message: Pick<Message, "Body">): readonly string[] {
  const json = parseJson(message.Body ?? "");
  const wanted = ingestRequest.safeParse(json);
  if (wanted.success) return [wanted.data.to.key];
  for (const schema of [sourceChanged, cleanReady, partitionsChanged]) {
    const own = schema.safeParse(json);
    if (own.success) return [own.data.source.key];
  }
  try {
    const sources = readS3Event(json);
    return sources === undefined || sources === "test" ? [] : sources.map(({ key }) => key);
  } catch (error) {
    if (error instanceof URIError) return [];
    throw error;
  }
}

function lineOf(text: string): Line | undefined {
  const json = parseJson(text);
  if (typeof json !== "object" || json === null) return undefined;
  const fields: Readonly<Record<string, unknown>> = { ...json };
  const textOf = (name: string): string => (typeof fields[name] === "string" ? fields[name] : "");
  const numberOf = (name: string): number => (typeof fields[name] === "number" ? fields[name] : 0);
  const { err } = fields;
  return {
    service: textOf("service"),
    level: numberOf("level"),
    msg: textOf("msg"),
    messageId: textOf("messageId"),
    receiveCount: numberOf("receiveCount"),
    outcome: textOf("outcome"),
    reason: textOf("reason"),
    key: textOf("key"),
    rowsRead: numberOf("rowsRead"),
    err: typeof err === "object" && err !== null ? err : {},
  };
}
