/** What the ingestor accepts: ingest-request/1. */
import type { Message } from "@aws-sdk/client-sqs";
import type { Source } from "@airlake/shared/contracts/keys";
import { ingestRequest } from "@airlake/shared/contracts/messages";
import { parseJson, readS3Event } from "@airlake/shared/contracts/s3-event";

/** Where an object is to be brought from. `shown` has neither credentials nor a query, and may be logged. */
export type Address =
  | { readonly kind: "url"; readonly url: URL; readonly shown: string }
  | {
      readonly kind: "s3";
      readonly bucket: string;
      readonly key: string;
      readonly unsigned: boolean;
      readonly shown: string;
    };

export interface Request {
  readonly from: Address;
  readonly to: Source;
  readonly correlationId: string;
  /** When the request was sent. Unix milliseconds; absent where the queue does not tell it. */
  readonly askedAtMs?: number;
}

export type Command =
  | { readonly kind: "bring"; readonly request: Request }
  | { readonly kind: "skipped"; readonly reason: string }
  | {
      readonly kind: "unreadable";
      readonly reason: "unreadable-message" | "bad-address" | "no-connector";
      readonly detail: string;
    };

/** Reads a message. Never throws: what cannot be read is said. */
export function parse(message: Message): Command {
  const json = parseJson(message.Body ?? "");
  const asked = ingestRequest.safeParse(json);
  if (!asked.success) return notAsked(json, asked.error.issues);
  const { from, to, unsigned, correlationId } = asked.data;
  const address = from.startsWith("s3://") ? s3Address(from, unsigned) : urlAddress(from);
  if ("problem" in address) return { kind: "unreadable", reason: "bad-address", detail: address.problem };
  const sentMs = Number(message.Attributes?.SentTimestamp ?? "");
  const times = sentMs > 0 ? { askedAtMs: sentMs } : {};
  return { kind: "bring", request: { from: address, to, correlationId, ...times } };
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

function notAsked(json: unknown, issues: readonly Issue[]): Command {
  if (json === undefined) return unreadable("the message's body is no JSON");
  if (isRecord(json) && json["contract"] === "ingest-request/1") {
    const problems = issues.map((issue) => `${issue.path.map(String).join(".") || "message"}: ${issue.message}`);
    return unreadable(`the ingest-request/1 is wrong: ${problems.join("; ")}`);
  }
  const event = readEvent(json);
  if (event === "test") return { kind: "skipped", reason: "s3-test-event" };
  if (event === undefined) return unreadable("the message is not ingest-request/1");
  const detail = "an S3 event came, and no connector of the ingestor takes S3 events: send ingest-request/1";
  return { kind: "unreadable", reason: "no-connector", detail };
}

function unreadable(detail: string): Command {
  return { kind: "unreadable", reason: "unreadable-message", detail };
}

/** Which objects an event names does not matter here, so neither does a key that cannot be decoded. */
function readEvent(json: unknown): "test" | "event" | undefined {
  try {
    const event = readS3Event(json);
    return event === undefined || event === "test" ? event : "event";
  } catch (error) {
    if (error instanceof URIError) return "event";
    throw error;
  }
}

interface Problem {
  readonly problem: string;
}

function urlAddress(from: string): Address | Problem {
  const url = URL.parse(from);
  if (url === null) return { problem: "`from` is no URL" };
  const problem = urlProblem(url);
  return problem === undefined ? { kind: "url", url, shown: shownUrl(url) } : { problem };
}

/** Why a URL, asked for or redirected to, is not followed whoever it leads to; undefined where it may be. */
export function urlProblem(url: URL): string | undefined {
  if (url.protocol !== "http:" && url.protocol !== "https:") return `${url.protocol} is neither http: nor https:`;
  if (url.username !== "" || url.password !== "") {
    return `the URL of ${url.host} carries a user name or a password, which would lie open in queues and logs`;
  }
  return undefined;
}

/** A URL without what may be secret in it: no credentials, no query (signed URLs), no fragment. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/** The key is taken as it stands, not percent-decoded, as other tools take it. */
function s3Address(from: string, unsigned: boolean): Address | Problem {
  const [, bucket = "", key = ""] = /^s3:\/\/([^/]*)\/?(.*)$/s.exec(from) ?? [];
  // A name that is no plain bucket name could lead to another host (an access point, a path).
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    return { problem: "`from` names no bucket: write s3://bucket/key" };
  }
  if (key === "") return { problem: `\`from\` names no key: write s3://${bucket}/key` };
  return { kind: "s3", bucket, key, unsigned, shown: `s3://${bucket}/${key}` };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
