/** The error classes of Airlake, and which errors may pass by themselves. */
import { inspect } from "node:util";

/** The settings are wrong: nothing starts. The message names each setting and its rule. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** It may pass next time: the message stays on its queue and comes back later. */
export class TransientError extends Error {
  override readonly name = "TransientError";
}

const transientNames = new Set([
  "AbortError",
  "TimeoutError",
  "RequestTimeout",
  "RequestTimeoutException",
  "SlowDown",
  "Throttling",
  "ThrottlingException",
  "ThrottledException",
  "TooManyRequestsException",
  "RequestThrottled",
  "ProvisionedThroughputExceededException",
  "ServiceUnavailable",
  "InternalError",
  "InternalServiceException",
  "OperationTimeoutException",
  "ConcurrentModificationException",
  "ConditionalRequestConflict",
  "OperationAborted",
]);

const transientCodes = new Set([
  "ECONNRESET",
  "ECONNREFUSED",
  "ECONNABORTED",
  "ETIMEDOUT",
  "EPIPE",
  "EAI_AGAIN",
  "ENOTFOUND",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOSPC",
]);

/** DuckDB tells a full disk in words alone: the system's, or its own where its spills have filled what was free. */
const fullDisk = /\bNo space left on device\b|\bfailed to offload data block\b/;

/** Whether an error may pass by itself: throttling, time-outs, resets, 429 and 5xx answers, a full disk; or such a cause. */
export function isTransient(error: unknown): boolean {
  if (error instanceof TransientError) return true;
  if (!(error instanceof Error)) return false;
  const status = httpStatusOf(error);
  if (status !== undefined && (status === 429 || status >= 500)) return true;
  if (transientNames.has(error.name) || transientCodes.has(codeOf(error) ?? "")) return true;
  if (fullDisk.test(error.message)) return true;
  return error.cause !== undefined && isTransient(error.cause);
}

/** The HTTP status of an AWS SDK error; undefined for other errors. */
export function httpStatusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  const metadata: unknown = error.$metadata;
  if (typeof metadata !== "object" || metadata === null || !("httpStatusCode" in metadata)) return undefined;
  return typeof metadata.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}

/** The system's code of an error (`ENOENT`, …); undefined where it has none. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** What is kept of an error's text, in characters: an engine can put a whole record of megabytes into one. */
const textKept = 4000;

/** A text for a log line or a record: its beginning, and how much was left out. */
export function shortened(text: string): string {
  if (text.length <= textKept) return text;
  return `${text.slice(0, textKept)}… (${text.length - textKept} more characters)`;
}

/** An error and its causes, outermost first, each as one line. At most ten, none longer than {@link shortened} leaves it. */
export function errorChain(error: unknown): readonly string[] {
  const chain: string[] = [];
  for (
    let at: unknown = error;
    at !== undefined && chain.length < 10;
    at = at instanceof Error ? at.cause : undefined
  ) {
    chain.push(shortened(at instanceof Error ? `${at.name}: ${at.message}` : inspect(at)));
  }
  return chain;
}
