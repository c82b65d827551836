/** Errors of AWS, or of an emulator of it, that a person can mend: said in a line, with what to do next. */
import { codeOf, httpStatusOf, isTransient } from "@airlake/shared/errors";

import { CommandError } from "./command-error.ts";

/** Whom was asked, for what. */
export interface Asked {
  /** The lake, as the person gave it. */
  readonly shown: string;
  /** The endpoint; undefined for AWS itself. */
  readonly endpoint: string | undefined;
  /** The bucket or queue, where one was named; or the catalog. */
  readonly name?: string | undefined;
}

const startIt = "Correct --lake or AWS_ENDPOINT_URL, or start it with: docker compose up --wait";
const remakeIt = "Make what is missing with: docker compose run --rm bootstrap";
const noQueue: ReadonlySet<string> = new Set(["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"]);

/** Glue and SQS refuse with 400, and a name. */
const refusals: ReadonlySet<string> = new Set([
  "AccessDeniedException",
  "ExpiredTokenException",
  "IncompleteSignature",
  "InvalidClientTokenId",
  "InvalidSignatureException",
  "UnrecognizedClientException",
]);

/** The sentence for an error; undefined for what is no fault of settings, rights or reach, such as a key that is not there. */
export function awsFault(error: unknown, asked: Asked): CommandError | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === "CredentialsProviderError")
    return new CommandError(
      "There are no AWS credentials.",
      "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (for emulators, any: test).",
      { cause: error },
    );
  return missing(error, asked) ?? refusal(error, asked) ?? silence(error, asked);
}

/** For a lake without its queues, before anything else is asked of it. */
export function noLake(queue: string, { shown, endpoint }: Asked, cause: unknown): CommandError {
  return new CommandError(`There is no lake ${shown} at ${endpoint ?? "AWS"}: it has no queue ${queue}.`, startIt, {
    cause,
  });
}

function missing(error: Error, { shown, name = "" }: Asked): CommandError | undefined {
  if (error.name === "NoSuchBucket")
    return new CommandError(`The lake ${shown} has no bucket ${name}.`, remakeIt, { cause: error });
  if (noQueue.has(error.name))
    return new CommandError(`The lake ${shown} has no queue ${name}.`, remakeIt, { cause: error });
  return undefined;
}

function refusal(error: Error, { shown, name, endpoint }: Asked): CommandError | undefined {
  const status = httpStatusOf(error) ?? 0;
  const what = name === undefined ? `The lake ${shown}` : `${name} of the lake ${shown}`;
  if (status === 301)
    return new CommandError(`${what} lies in another region.`, "Correct AWS_REGION.", { cause: error });
  if (status !== 401 && status !== 403 && !refusals.has(error.name)) return undefined;
  // The answer to a HEAD has no body to say more.
  const says = /^(?:Unknown|Forbidden|403|UnknownError)?$/.test(error.name) ? String(status) : error.name;
  return new CommandError(
    `${what} refuses: ${says}, says ${endpoint ?? "AWS"}.`,
    "Check the credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID, …) and what they may do.",
    { cause: error },
  );
}

function silence(error: Error, asked: Asked): CommandError | undefined {
  // An abort is the person's wish, or a time-out that the caller tells of.
  if (error.name === "AbortError" || !isTransient(error)) return undefined;
  const status = httpStatusOf(error);
  return silent(asked, status === undefined ? (codeOf(error) ?? error.name) : `${status} ${error.name}`, error);
}

/** For what was asked several times by now. */
export function silent({ endpoint }: Asked, why: string, cause: unknown): CommandError {
  return new CommandError(
    `${endpoint ?? "AWS"} does not answer (${why}).`,
    "Start it, or correct AWS_ENDPOINT_URL and AWS_REGION; then give the same command again.",
    { cause },
  );
}
