/** A lake in AWS, or in emulators of it: `--lake aws:PREFIX`, with the usual AWS variables for endpoints, region and credentials. */
import { type Endpoints, openAws, queueUrlOf } from "@airlake/shared/clients";
import type { Clock } from "@airlake/shared/clock";
import { type QueueRole, topologyOf } from "@airlake/shared/contracts/topology";
import { ConfigError, codeOf, isTransient } from "@airlake/shared/errors";
import type { QueueClient } from "@airlake/shared/queue-client";

import { CommandError } from "./command-error.ts";
import { awsSettingsIn } from "./config.ts";
import type { OpenedLake } from "./opened-lake.ts";
import type { QueueUrls } from "./set-up.ts";

const scheme = "aws:";
/** Bucket names are in lower case, and at most 63 characters with their role. */
const prefixPattern = /^[a-z0-9][a-z0-9-]{0,50}$/;
/** Where nothing answers for this long, nothing will. */
const patienceMs = 10_000;

/** The prefix in `aws:PREFIX`; undefined for a folder. Throws CommandError for a prefix that no bucket can have. */
export function awsPrefixOf(shown: string): string | undefined {
  if (!shown.startsWith(scheme)) return undefined;
  const prefix = shown.slice(scheme.length);
  if (prefixPattern.test(prefix)) return prefix;
  throw new CommandError(
    `${shown} names no lake: after aws: comes what its buckets' names begin with, in small letters, digits and hyphens.`,
    "For the lake of compose.yaml: --lake aws:airlake",
  );
}

/** Looks up the lake's queues; makes nothing. Throws CommandError where they are missing, refuse or do not answer. */
export async function openAwsLake(prefix: string, clock: Clock): Promise<OpenedLake> {
  const shown = `${scheme}${prefix}`;
  const topology = topologyOf(prefix);
  const { endpoints } = awsSettings();
  await using closing = new AsyncDisposableStack();
  const { s3, sqs } = closing.use(openAws(endpoints));
  const urls = async (role: QueueRole): Promise<QueueUrls> => {
    const [url, deadLetterUrl] = await Promise.all([
      lookUp(sqs, topology.queues[role].name, { endpoints, shown }),
      lookUp(sqs, topology.queues[role].deadLetterName, { endpoints, shown }),
    ]);
    return { url, deadLetterUrl };
  };
  const [ingest, clean, join, catalog] = await Promise.all([
    urls("ingest"),
    urls("clean"),
    urls("join"),
    urls("catalog"),
  ]);
  const opened = closing.move();
  return {
    lake: undefined,
    shown,
    s3,
    sqs,
    clock,
    topology,
    queues: { ingest, clean, join, catalog },
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}

/** Endpoints from the environment. Throws CommandError where region is missing, or some calls would go to real AWS. */
function awsSettings(): { readonly endpoints: Endpoints } {
  try {
    return awsSettingsIn();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CommandError(
      `${error.message}.`,
      "For the lake of compose.yaml: AWS_REGION=us-east-1 AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_ENDPOINT_URL_GLUE=http://127.0.0.1:5001",
      { cause: error },
    );
  }
}

async function lookUp(
  sqs: QueueClient,
  name: string,
  where: { readonly endpoints: Endpoints; readonly shown: string },
): Promise<string> {
  try {
    return await queueUrlOf(sqs, name, AbortSignal.timeout(patienceMs));
  } catch (error) {
    const at = where.endpoints.sqs ?? "AWS";
    if (error instanceof ConfigError)
      throw new CommandError(
        `There is no lake ${where.shown} at ${at}: it has no queue ${name}.`,
        "Correct --lake or AWS_ENDPOINT_URL, or start it with: docker compose up --wait",
        { cause: error },
      );
    if (error instanceof Error && error.name === "CredentialsProviderError")
      throw new CommandError(
        "There are no AWS credentials.",
        "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (for emulators, any: test).",
        { cause: error },
      );
    if (isTransient(error))
      throw new CommandError(
        `${at} does not answer (${codeOf(error) ?? (error instanceof Error ? error.name : "no answer")}).`,
        "Start it, or correct AWS_ENDPOINT_URL and AWS_REGION.",
        { cause: error },
      );
    throw error;
  }
}
