/** The clients of one process: the AWS SDK's, or the embedded adapters of a lake folder. */
import { S3Client } from "@aws-sdk/client-s3";
import { GetQueueUrlCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { Clock } from "./clock.ts";
import { systemClock } from "./clock.ts";
import { createEmbeddedObjects } from "./embedded/objects.ts";
import { createEmbeddedQueues } from "./embedded/queues.ts";
import { ConfigError } from "./errors.ts";
import type { Logger } from "./logger.ts";
import type { ObjectStore } from "./object-store.ts";
import type { QueueClient } from "./queue-client.ts";
import type { WorkerSettings } from "./worker/settings.ts";

/** What a service is started with. */
export interface Clients {
  readonly s3: ObjectStore;
  readonly sqs: QueueClient;
  readonly log: Logger;
  readonly clock: Clock;
}

/** Opens the clients that the settings ask for. */
export function openClients(settings: WorkerSettings, log: Logger): Clients & AsyncDisposable {
  const clock = systemClock;
  if (settings.LAKE_FOLDER !== undefined) {
    const queues = createEmbeddedQueues({ folder: settings.LAKE_FOLDER, clock });
    const objects = createEmbeddedObjects({ folder: settings.LAKE_FOLDER, queues, clock });
    return {
      s3: objects,
      sqs: queues,
      log,
      clock,
      [Symbol.asyncDispose]: async () => [objects, queues].forEach((client) => client.destroy()),
    };
  }
  const aws = openAws(endpointsOf(settings));
  return { ...aws, log, clock };
}

/** The SDK's clients at these endpoints; region and credentials come from where the SDK looks for them. */
export function openAws(endpoints: Endpoints): Pick<Clients, "s3" | "sqs"> & AsyncDisposable {
  const s3 = new S3Client({
    ...at(endpoints.s3),
    // Emulators know no bucket host names.
    forcePathStyle: endpoints.s3 !== undefined,
    logger: silent,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  const sqs = new SQSClient({ ...at(endpoints.sqs), logger: silent, useQueueUrlAsEndpoint: false });
  return { s3, sqs, [Symbol.asyncDispose]: async () => [s3, sqs].forEach((client) => client.destroy()) };
}

const ignore = (): void => {};
/** Without a logger the SDK warns on the console of what its errors say as well. */
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** Where each AWS API is reached; undefined for AWS itself. */
export interface Endpoints {
  readonly s3: string | undefined;
  readonly sqs: string | undefined;
  readonly glue: string | undefined;
}

/**
 * The endpoints that the settings ask for. Every client is given its own: the SDK would read the same variables, but a profile or
 * AWS_IGNORE_CONFIGURED_ENDPOINT_URLS could make it send some calls to real AWS.
 */
export function endpointsOf(settings: Partial<WorkerSettings>): Endpoints {
  const all = settings.AWS_ENDPOINT_URL;
  return {
    s3: settings.AWS_ENDPOINT_URL_S3 ?? all,
    sqs: settings.AWS_ENDPOINT_URL_SQS ?? all,
    glue: settings.AWS_ENDPOINT_URL_GLUE ?? all,
  };
}

/**
 * Milliseconds until a connection is made, and without a byte on it; then the request fails, and is tried again. Without them a store that
 * answers nothing would keep a worker for ever. A long poll is silent for 20 s, a store that has much to do perhaps for longer.
 */
export const patience = { connectionTimeout: 5000, socketTimeout: 120_000 } as const;

/** What a client is made with to talk to an endpoint and to nothing else, and not to wait for ever. */
export function at(endpoint: string | undefined): {
  readonly endpoint?: string;
  readonly requestHandler: typeof patience;
} {
  return { requestHandler: patience, ...(endpoint === undefined ? {} : { endpoint }) };
}

/** The URL of a queue. Throws ConfigError where there is no such queue. */
export async function queueUrlOf(sqs: QueueClient, name: string, abortSignal?: AbortSignal): Promise<string> {
  const options = abortSignal === undefined ? {} : { abortSignal };
  try {
    const { QueueUrl: url } = await sqs.send(new GetQueueUrlCommand({ QueueName: name }), options);
    if (url === undefined) throw new ConfigError(`no URL for queue ${name}`);
    return url;
  } catch (error) {
    if (
      error instanceof Error &&
      (error.name === "QueueDoesNotExist" || error.name === "AWS.SimpleQueueService.NonExistentQueue")
    ) {
      throw new ConfigError(`there is no queue ${name}: create it first, or correct the setting`, { cause: error });
    }
    throw error;
  }
}
