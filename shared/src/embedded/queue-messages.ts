/** One message on its way in and out: limits, MD5 sums and receipts as SQS has them. */
import { createHash } from "node:crypto";
import type { Message, MessageAttributeValue } from "@aws-sdk/client-sqs";
import { z } from "zod";
import { sqsError, sqsNotImplemented } from "./aws-errors.ts";
import { maxMessageBytes } from "./queue-attributes.ts";
import type { MessageRef, MessageRow } from "./queue-store.ts";

type Attributes = Readonly<Record<string, MessageAttributeValue>>;

const storedAttributes = z.record(
  z.string(),
  z.object({ DataType: z.string(), StringValue: z.string().optional(), Base64: z.string().optional() }),
);

export interface MessageToSend {
  readonly body: string;
  readonly bodyMd5: string;
  /** JSON for the store; binary values in base64. */
  readonly attributes: string | undefined;
  readonly attributesMd5: string | undefined;
}

export interface WantedNames {
  readonly system: readonly string[];
  readonly message: readonly string[];
}

// oxlint-disable-next-line no-control-regex -- tab and line ends are the three control characters that SQS takes
const validBody = /^[\u0009\u000A\u000D\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u;

/** Checks a body and its attributes. Throws SQS's errors for an empty, too long or unspeakable one. */
export function checkMessage(
  body: string | undefined,
  attributes: Attributes | undefined,
  maxBytes: number,
): MessageToSend {
  if (body === undefined || body === "") {
    throw sqsError("MissingParameter", "The request must contain the parameter MessageBody.");
  }
  if (sizeOf(body, attributes) > maxBytes) {
    throw sqsError(
      "InvalidParameterValue",
      `One or more parameters are invalid. Reason: Message must be shorter than ${maxBytes} bytes.`,
    );
  }
  if (!validBody.test(body)) {
    throw sqsError(
      "InvalidMessageContents",
      "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
    );
  }
  const named = attributes === undefined || Object.keys(attributes).length === 0 ? undefined : attributes;
  if (named !== undefined) checkMessageAttributes(named);
  return {
    body,
    bodyMd5: md5(body),
    attributes: named === undefined ? undefined : JSON.stringify(named, binaryAsBase64),
    attributesMd5: named === undefined ? undefined : attributesMd5(named),
  };
}

/** The batch as a whole may be no longer than one message. */
export function checkBatchSize(
  entries: readonly {
    readonly MessageBody?: string | undefined;
    readonly MessageAttributes?: Attributes | undefined;
  }[],
): void {
  const sum = entries.reduce((bytes, entry) => bytes + sizeOf(entry.MessageBody ?? "", entry.MessageAttributes), 0);
  if (sum <= maxMessageBytes) return;
  throw sqsError(
    "BatchRequestTooLong",
    `Batch requests cannot be longer than ${maxMessageBytes} bytes. You have sent ${sum} bytes.`,
  );
}

/** A stored message as a receiver gets it, this receive counted. */
export function toMessage(row: MessageRow, receipt: string, nowMs: number, wanted: WantedNames): Message {
  const message: Message = {
    MessageId: row.messageId,
    ReceiptHandle: receipt,
    MD5OfBody: md5(row.body),
    Body: row.body,
  };
  const system = systemAttributes(row, nowMs);
  const shown = Object.entries(system).filter(
    ([name]) => wanted.system.includes("All") || wanted.system.includes(name),
  );
  if (wanted.system.length > 0) message.Attributes = Object.fromEntries(shown);
  const attributes = pickAttributes(row.attributes, wanted.message);
  if (attributes !== undefined) {
    message.MessageAttributes = attributes;
    message.MD5OfMessageAttributes = attributesMd5(attributes);
  }
  return message;
}

/** A new receipt: every receive of a message makes another, and each of them names the message for as long as it exists. */
export function receiptOf(ref: MessageRef, nonce: string): string {
  return Buffer.from(`${nonce} ${ref.queueId} ${ref.id} ${ref.messageId}`).toString("base64");
}

/** The message that a receipt names. Throws `ReceiptHandleIsInvalid` for other text, or for another queue's receipt. */
export function readReceipt(receipt: string | undefined, queueId: number): MessageRef {
  const [, queue, id, messageId] = Buffer.from(receipt ?? "", "base64")
    .toString("utf8")
    .split(" ");
  if (messageId === undefined || queue !== String(queueId) || !Number.isSafeInteger(Number(id))) {
    throw sqsError("ReceiptHandleIsInvalid", `The input receipt handle "${receipt}" is not a valid receipt handle.`);
  }
  return { queueId, id: Number(id), messageId };
}

function systemAttributes(row: MessageRow, nowMs: number): Readonly<Record<string, string>> {
  return {
    SenderId: "000000000000",
    SentTimestamp: String(row.sentAtMs),
    ApproximateReceiveCount: String(row.earlierReceives + row.receiveCount + 1),
    ApproximateFirstReceiveTimestamp: String(row.firstReceivedAtMs ?? nowMs),
    ...(row.sourceArn === undefined ? {} : { DeadLetterQueueSourceArn: row.sourceArn }),
  };
}

function pickAttributes(
  json: string | undefined,
  names: readonly string[],
): Record<string, MessageAttributeValue> | undefined {
  if (json === undefined || names.length === 0) return undefined;
  const all = ["All", ".*"].some((name) => names.includes(name));
  const prefixes = names.filter((name) => name.endsWith(".*")).map((name) => name.slice(0, -2));
  const picked = Object.entries(readAttributes(json)).filter(
    ([name]) => all || names.includes(name) || prefixes.some((prefix) => name.startsWith(prefix)),
  );
  return picked.length === 0 ? undefined : Object.fromEntries(picked);
}

function readAttributes(json: string): Attributes {
  const stored = storedAttributes.parse(JSON.parse(json));
  return Object.fromEntries(
    Object.entries(stored).map(([name, { DataType, StringValue, Base64 }]) => [
      name,
      Base64 === undefined
        ? { DataType, StringValue }
        : { DataType, BinaryValue: new Uint8Array(Buffer.from(Base64, "base64")) },
    ]),
  );
}

function binaryAsBase64(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("BinaryValue" in value)) return value;
  const { BinaryValue, ...rest } = value;
  return BinaryValue instanceof Uint8Array ? { ...rest, Base64: Buffer.from(BinaryValue).toString("base64") } : rest;
}

function checkMessageAttributes(attributes: Attributes): void {
  const names = Object.keys(attributes);
  if (names.length > 10) {
    throw sqsError(
      "InvalidParameterValue",
      `Number of message attributes [${names.length}] exceeds the allowed maximum [10].`,
    );
  }
  for (const name of names) {
    if (!/^(?!aws\.|amazon\.|\.)[a-z0-9_.-]{1,255}(?<!\.)$/i.test(name)) {
      throw sqsError("InvalidParameterValue", `The message attribute name '${name}' is invalid.`);
    }
    checkAttributeValue(name, attributes[name]);
  }
}

function checkAttributeValue(name: string, attribute: MessageAttributeValue | undefined): void {
  const { DataType: type = "", StringListValues, BinaryListValues } = attribute ?? {};
  if (!/^(String|Number|Binary)/.test(type)) {
    throw sqsError(
      "InvalidParameterValue",
      `The type of message attribute '${name}' must begin with String, Number or Binary.`,
    );
  }
  if (StringListValues !== undefined || BinaryListValues !== undefined) {
    throw sqsNotImplemented("SQS takes no message attributes that are lists: send a String, a Number or a Binary.");
  }
  const value = type.startsWith("Binary") ? attribute?.BinaryValue : attribute?.StringValue;
  if (value !== undefined && value.length > 0) return;
  throw sqsError(
    "InvalidParameterValue",
    `Message (user) attribute '${name}' must contain a non-empty value of type '${type}'.`,
  );
}

function sizeOf(body: string, attributes: Attributes | undefined): number {
  let bytes = Buffer.byteLength(body);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value.DataType ?? "");
    bytes += Buffer.byteLength(value.StringValue ?? "") + (value.BinaryValue?.length ?? 0);
  }
  return bytes;
}

/** SQS's sum over message attributes: by name, each part with its length, the value behind a byte for its kind. */
function attributesMd5(attributes: Attributes): string {
  const hash = createHash("md5");
  const add = (part: string | Uint8Array): void => {
    const bytes = typeof part === "string" ? Buffer.from(part) : part;
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  for (const name of Object.keys(attributes).toSorted()) {
    const { DataType = "", StringValue = "", BinaryValue } = attributes[name] ?? {};
    add(name);
    add(DataType);
    hash.update(Buffer.from([BinaryValue === undefined ? 1 : 2]));
    add(BinaryValue ?? StringValue);
  }
  return hash.digest("hex");
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
