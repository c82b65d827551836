/** The settings that every worker has. Each config.ts adds its own. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { visibilityTimeoutSeconds } from "../contracts/topology.ts";
import { wholeNumber } from "../env.ts";
import { ConfigError } from "../errors.ts";

const name = z.string().min(1);

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
  /** One endpoint for all AWS calls; set it, or none of the others. */
  AWS_ENDPOINT_URL: z.url().optional(),
  AWS_ENDPOINT_URL_S3: z.url().optional(),
  AWS_ENDPOINT_URL_SQS: z.url().optional(),
  AWS_ENDPOINT_URL_GLUE: z.url().optional(),
  AWS_REGION: z.string().optional(),
} as const;

const workerSchema = z.object(workerShape);
export type WorkerSettings = Readonly<z.infer<typeof workerSchema>>;

/**
 * Checks what one variable alone cannot tell, `glue`: for a worker that calls Glue too. Throws ConfigError.
 * Either every AWS API is AWS's own, or none is: a half-set override would send some calls to an emulator and some to real AWS.
 */
export function checkSettings(settings: WorkerSettings, { glue = false } = {}): void {
  if (settings.LAKE_FOLDER === undefined && settings.AWS_REGION === undefined) {
    throw new ConfigError("wrong settings: set AWS_REGION, or LAKE_FOLDER for an embedded lake");
  }
  if (settings.AWS_ENDPOINT_URL !== undefined) return;
  const {
    AWS_ENDPOINT_URL_S3: s3,
    AWS_ENDPOINT_URL_SQS: sqs,
    AWS_ENDPOINT_URL_GLUE: ofGlue,
    LAKE_FOLDER: lake,
  } = settings;
  if ((s3 === undefined) !== (sqs === undefined) || (s3 === undefined && ofGlue !== undefined && lake === undefined)) {
    throw new ConfigError(
      "wrong settings: set AWS_ENDPOINT_URL, or both AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL_SQS; now some calls would go to real AWS",
    );
  }
  if (glue && ofGlue === undefined && (s3 !== undefined || lake !== undefined)) {
    throw new ConfigError(
      "wrong settings: set AWS_ENDPOINT_URL_GLUE; now the catalog's calls would go to real AWS, and no others",
    );
  }
}
