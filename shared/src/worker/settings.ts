/** The settings that every worker has. Each config.ts adds its own. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { visibilityTimeoutSeconds } from "../contracts/topology.ts";
import { wholeNumber } from "../env.ts";
import { ConfigError } from "../errors.ts";

const name = z.string().min(1);

/** The usual AWS variables, as far as they say where calls go. */
export const awsShape = {
  /** One endpoint for all AWS calls; set it, or none of the others. */
  AWS_ENDPOINT_URL: z.url().optional(),
  AWS_ENDPOINT_URL_S3: z.url().optional(),
  AWS_ENDPOINT_URL_SQS: z.url().optional(),
  AWS_ENDPOINT_URL_GLUE: z.url().optional(),
  AWS_REGION: z.string().optional(),
} as const;

export const workerShape = {
  /** The queue to take messages from, by name. */
  QUEUE: name,
  DEAD_LETTER_QUEUE: name,
  OPS_BUCKET: name,
  /** No port: no health, metrics and status, as in the embedded run. */
  PORT: wholeNumber(0, 65_535).optional(),
  HOST: z.string().default("127.0.0.1"),
  VISIBILITY_TIMEOUT_SECONDS: wholeNumber(1, 43_200).default(visibilityTimeoutSeconds),
  /** Well below the grace period after which reconciliation takes unnamed parts for orphans (24 h). */
  ATTEMPT_DEADLINE_SECONDS: wholeNumber(1, 43_200).default(7200),
  /** Below the stop timeout of the container (120 s). */
  DRAIN_TIMEOUT_SECONDS: wholeNumber(1, 3600).default(100),
  /** The long poll; SQS allows 20. */
  WAIT_TIME_SECONDS: wholeNumber(0, 20).default(20),
  SCRATCH_FOLDER: z.string().default(join(tmpdir(), "airlake")),
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "silent"]).default("info"),
  /** A lake folder: buckets and queues are embedded, no AWS is used. */
  LAKE_FOLDER: z.string().optional(),
  ...awsShape,
} as const;

const workerSchema = z.object(workerShape);
export type WorkerSettings = Readonly<z.infer<typeof workerSchema>>;
const awsSchema = z.object(awsShape);
type AwsSettings = Readonly<z.infer<typeof awsSchema>> & { readonly LAKE_FOLDER?: string | undefined };

/** Checks what one variable alone cannot tell; `glue` for a worker that calls Glue too. Throws ConfigError. */
export function checkSettings(settings: AwsSettings, { glue = false } = {}): void {
  const problem = regionProblem(settings) ?? endpointProblem(settings) ?? (glue ? glueProblem(settings) : undefined);
  if (problem !== undefined) throw new ConfigError(`wrong settings: ${problem}`);
}

function regionProblem({ LAKE_FOLDER: lake, AWS_REGION: region }: AwsSettings): string | undefined {
  return lake === undefined && region === undefined ? "set AWS_REGION, or LAKE_FOLDER for an embedded lake" : undefined;
}

/** A half-set override would send some calls to an emulator and some to real AWS. */
function endpointProblem(settings: AwsSettings): string | undefined {
  if (settings.AWS_ENDPOINT_URL !== undefined) return undefined;
  const { AWS_ENDPOINT_URL_S3: s3, AWS_ENDPOINT_URL_SQS: sqs, AWS_ENDPOINT_URL_GLUE: glue } = settings;
  const isGlueAlone = s3 === undefined && glue !== undefined && settings.LAKE_FOLDER === undefined;
  if ((s3 === undefined) === (sqs === undefined) && !isGlueAlone) return undefined;
  return "set AWS_ENDPOINT_URL, or both AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL_SQS; now some calls would go to real AWS";
}

/** The same for Glue, beside an embedded lake too. */
function glueProblem(settings: AwsSettings): string | undefined {
  if (settings.AWS_ENDPOINT_URL !== undefined || settings.AWS_ENDPOINT_URL_GLUE !== undefined) return undefined;
  if (settings.AWS_ENDPOINT_URL_S3 === undefined && settings.LAKE_FOLDER === undefined) return undefined;
  return "set AWS_ENDPOINT_URL_GLUE; now the catalog's calls would go to real AWS, and no others";
}
