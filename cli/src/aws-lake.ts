/** A lake in AWS, or in emulators of it: `--lake aws:PREFIX`, with the usual AWS variables for endpoints, region and credentials. */
import { type Endpoints, openAws, queueUrlOf } from "@airlake/shared/clients";
import type { Clock } from "@airlake/shared/clock";
import { type QueueRole, topologyOf } from "@airlake/shared/contracts/topology";
import { ConfigError } from "@airlake/shared/errors";
import type { ObjectStore } from "@airlake/shared/object-store";
import type { QueueClient } from "@airlake/shared/queue-client";

import { type Asked, awsFault, noLake, silent } from "./aws-fault.ts";
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
  const aws = closing.use(openAws(endpoints));
  // The overloads of `send` cannot be written once more; every one of them is passed on as it came.
  const s3: ObjectStore = { send: explaining(aws.s3, { shown, endpoint: endpoints.s3 }) as ObjectStore["send"] };
  const sqs: QueueClient = { send: explaining(aws.sqs, { shown, endpoint: endpoints.sqs }) as QueueClient["send"] };
  const asked = { shown, endpoint: endpoints.sqs };
  const urls = async (role: QueueRole): Promise<QueueUrls> => {
    const [url, deadLetterUrl] = await Promise.all([
      lookUp(aws.sqs, topology.queues[role].name, asked),
      lookUp(aws.sqs, topology.queues[role].deadLetterName, asked),
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

async function lookUp(sqs: QueueClient, name: string, asked: Asked): Promise<string> {
  try {
    return await queueUrlOf(sqs, name, AbortSignal.timeout(patienceMs));
  } catch (error) {
    if (error instanceof ConfigError) throw noLake(name, asked, error);
    if (error instanceof Error && error.name === "AbortError") throw silent(asked, "no answer", error);
    throw awsFault(error, { ...asked, name }) ?? error;
  }
}

type Send = (command: unknown, ...rest: readonly unknown[]) => Promise<unknown>;

/** Sends, and tells faults as sentences. Errors that say something about one object stay as they are. */
function explaining(client: ObjectStore | QueueClient, asked: Asked): Send {
  return async (command, ...rest) => {
    try {
      return await Reflect.apply(client.send, client, [command, ...rest]);
    } catch (error) {
      throw awsFault(error, { ...asked, name: nameIn(command) }) ?? error;
    }
  };
}

/** The bucket or queue that a command names. */
function nameIn(command: unknown): string | undefined {
  const input = typeof command === "object" && command !== null && "input" in command ? command.input : undefined;
  if (typeof input !== "object" || input === null) return undefined;
  if ("Bucket" in input && typeof input.Bucket === "string") return input.Bucket;
  if ("QueueName" in input && typeof input.QueueName === "string") return input.QueueName;
  if ("QueueUrl" in input && typeof input.QueueUrl === "string")
    return input.QueueUrl.slice(input.QueueUrl.lastIndexOf("/") + 1);
  return undefined;
}
