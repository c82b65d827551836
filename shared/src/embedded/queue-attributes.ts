/** A queue's settings: names, defaults, limits, and how its URL and ARN are written. Values are strings, as SQS has them. */
import { sqsError } from "./aws-errors.ts";

export type QueueAttributes = Readonly<Record<string, string>>;

/** SQS's limit for a message, body and attributes together. */
export const maxMessageBytes = 1_048_576;

const urlStart = "embedded://sqs/000000000000/";
const arnStart = "arn:aws:sqs:us-east-1:000000000000:";

// Lowest, highest and default value.
const numbers: Readonly<Record<string, readonly [number, number, number]>> = {
  VisibilityTimeout: [0, 43_200, 30],
  ReceiveMessageWaitTimeSeconds: [0, 20, 0],
  MessageRetentionPeriod: [60, 1_209_600, 345_600],
  DelaySeconds: [0, 900, 0],
  MaximumMessageSize: [1024, maxMessageBytes, maxMessageBytes],
};

/** Attributes that are worked out when asked for. */
const computed = new Set([
  "QueueArn",
  "CreatedTimestamp",
  "LastModifiedTimestamp",
  "ApproximateNumberOfMessages",
  "ApproximateNumberOfMessagesNotVisible",
  "ApproximateNumberOfMessagesDelayed",
]);
// Policy is kept and shown, and has no effect: one user, one machine.
const settable = new Set([...Object.keys(numbers), "RedrivePolicy", "Policy"]);

export interface RedrivePolicy {
  readonly deadLetterQueue: string;
  readonly maxReceiveCount: number;
}

export function queueUrlOf(name: string): string {
  return `${urlStart}${name}`;
}

export function queueArnOf(name: string): string {
  return `${arnStart}${name}`;
}

/** The queue that an ARN names; undefined where it is not one of ours. */
export function queueNameOfArn(arn: string): string | undefined {
  return arn.startsWith(arnStart) ? arn.slice(arnStart.length) : undefined;
}

/** The queue that a URL names. Throws `QueueDoesNotExist` for any other address. */
export function queueNameOfUrl(url: string | undefined): string {
  if (url?.startsWith(urlStart) === true) return url.slice(urlStart.length);
  throw queueDoesNotExist();
}

export function queueDoesNotExist(): Error {
  return sqsError("QueueDoesNotExist", "The specified queue does not exist.");
}

export function checkQueueName(name: string | undefined): string {
  if (name !== undefined && /^[a-zA-Z0-9_-]{1,80}$/.test(name)) return name;
  throw sqsError(
    "InvalidParameterValue",
    "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
  );
}

export function defaultAttributes(): QueueAttributes {
  return Object.fromEntries(Object.entries(numbers).map(([name, [, , value]]) => [name, String(value)]));
}

/** The settings of a caller, checked. An empty RedrivePolicy or Policy takes the setting away. */
export function checkAttributes(given: Readonly<Record<string, string | undefined>>): QueueAttributes {
  const checked: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (!settable.has(name)) throw unknownAttribute(name);
    const range = numbers[name];
    if (range !== undefined) checkNumber(name, value, range);
    if (name === "RedrivePolicy" && value !== "") parseRedrivePolicy(value);
    checked[name] = value;
  }
  return checked;
}

export function checkAttributeNames(names: readonly string[]): readonly string[] {
  for (const name of names)
    if (name !== "All" && !settable.has(name) && !computed.has(name)) throw unknownAttribute(name);
  return names;
}

/** A number among the attributes, which were checked when they were set. */
export function numberOf(attributes: QueueAttributes, name: string): number {
  return Number(attributes[name] ?? numbers[name]?.[2]);
}

export function redrivePolicyOf(attributes: QueueAttributes): RedrivePolicy | undefined {
  const policy = attributes["RedrivePolicy"];
  return policy === undefined ? undefined : parseRedrivePolicy(policy);
}

/** Attributes as they were stored. */
export function queueAttributesOf(json: string): QueueAttributes {
  const parsed: unknown = JSON.parse(json);
  if (typeof parsed !== "object" || parsed === null) throw new TypeError("a queue's attributes are no object");
  return Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, String(value)]));
}

function parseRedrivePolicy(text: string): RedrivePolicy {
  const policy = parseObject(text);
  const arn = policy["deadLetterTargetArn"];
  const deadLetterQueue = typeof arn === "string" ? queueNameOfArn(arn) : undefined;
  const maxReceiveCount = Number(policy["maxReceiveCount"]);
  if (
    deadLetterQueue === undefined ||
    !Number.isInteger(maxReceiveCount) ||
    maxReceiveCount < 1 ||
    maxReceiveCount > 1000
  ) {
    throw sqsError("InvalidParameterValue", `Value ${text} for parameter RedrivePolicy is invalid.`);
  }
  return { deadLetterQueue, maxReceiveCount };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function checkNumber(name: string, value: string, [lowest, highest]: readonly [number, number, number]): void {
  if (/^\d{1,7}$/.test(value) && Number(value) >= lowest && Number(value) <= highest) return;
  throw sqsError("InvalidAttributeValue", `Invalid value for the parameter ${name}.`);
}

function unknownAttribute(name: string): Error {
  return sqsError("InvalidAttributeName", `Unknown Attribute ${name}.`);
}
