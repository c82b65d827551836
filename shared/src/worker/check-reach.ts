/** Looks, before a worker starts, whether all that its settings name is there and answers. */
import { HeadBucketCommand } from "@aws-sdk/client-s3";
import { endpointsOf, queueUrlOf } from "../clients.ts";
import type { Clients } from "../clients.ts";
import { ConfigError, codeOf, httpStatusOf, isTransient } from "../errors.ts";
import type { WorkerSettings } from "./settings.ts";

/** Where nothing answers for this long, nothing will. */
const patienceSeconds = 10;

/** One of the names in the settings. */
export interface Named {
  readonly variable: string;
  readonly name: string;
}

/** Throws ConfigError, one sentence that says what to do, where a bucket or queue is not there, refuses or does not answer. */
export async function checkReach(settings: WorkerSettings, clients: Clients): Promise<void> {
  for (const queue of queuesOf(settings)) {
    await explained(settings, { ...queue, what: "queue" }, async (signal) =>
      queueUrlOf(clients.sqs, queue.name, signal),
    );
  }
  for (const bucket of bucketsOf(settings)) {
    await explained(settings, { ...bucket, what: "bucket" }, async (abortSignal) =>
      clients.s3.send(new HeadBucketCommand({ Bucket: bucket.name }), { abortSignal }),
    );
  }
}

/** The buckets of a worker's settings: whatever is called …_BUCKET. */
export function bucketsOf(settings: WorkerSettings): readonly Named[] {
  return namesOf(settings, "BUCKET");
}

function queuesOf(settings: WorkerSettings): readonly Named[] {
  return namesOf(settings, "QUEUE");
}

function namesOf(settings: WorkerSettings, ending: string): readonly Named[] {
  return Object.entries(settings).flatMap(([variable, name]) =>
    (variable === ending || variable.endsWith(`_${ending}`)) && typeof name === "string" ? [{ variable, name }] : [],
  );
}

interface Asked extends Named {
  readonly what: "queue" | "bucket";
}

async function explained(
  settings: WorkerSettings,
  asked: Asked,
  ask: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  try {
    await ask(AbortSignal.timeout(patienceSeconds * 1000));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const sentence = sentenceOf(settings, asked, error);
    throw sentence === undefined ? error : new ConfigError(sentence, { cause: error });
  }
}

/** What a person can do about it; undefined for an error that nobody thought of. */
function sentenceOf(settings: WorkerSettings, asked: Asked, error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === "CredentialsProviderError") {
    return "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the worker a role";
  }
  return refusalOf(asked, error) ?? (isTransient(error) ? silenceOf(settings, asked, error) : undefined);
}

function refusalOf({ what, name, variable }: Asked, error: Error): string | undefined {
  const status = httpStatusOf(error) ?? 0;
  // A missing queue has been told apart before.
  if (status === 404 && what === "bucket") return `there is no bucket ${name}: create it first, or correct ${variable}`;
  if (status === 301) return `the bucket ${name} lies in another region: correct AWS_REGION or ${variable}`;
  if (![400, 401, 403].includes(status)) return undefined;
  return `the ${what} ${name} refuses this worker (${error.name}, ${status}): check its credentials and permissions, or correct ${variable}`;
}

function silenceOf(settings: WorkerSettings, { what, name }: Asked, error: Error): string {
  const { s3, sqs } = endpointsOf(settings);
  const endpoint = (what === "bucket" ? s3 : sqs) ?? `AWS in ${settings.AWS_REGION ?? "no region"}`;
  const isSilent = error.name === "AbortError" || error.name === "TimeoutError";
  const why = isSilent ? `silent for ${patienceSeconds} s` : (codeOf(error) ?? httpStatusOf(error) ?? error.name);
  return `${endpoint} does not answer when asked for the ${what} ${name} (${why}): start it, or correct AWS_ENDPOINT_URL or AWS_REGION`;
}
