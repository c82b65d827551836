/** The settings of the bootstrap. */
import { z } from "zod";
import { parseEnv } from "@airlake/shared/env";
import type { Env } from "@airlake/shared/env";
import { ConfigError } from "@airlake/shared/errors";

export const configSchema = z.object({
  /** The names of all buckets and queues begin with it, and a dash. */
  LAKE_PREFIX: z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/u, "lower-case letters, digits and dashes"),
  AWS_REGION: z.string().min(1),
  /** Without it, the buckets and queues are made on AWS itself. */
  AWS_ENDPOINT_URL: z.url().optional(),
  AWS_ENDPOINT_URL_S3: z.url().optional(),
  AWS_ENDPOINT_URL_SQS: z.url().optional(),
  AWS_ENDPOINT_URL_SNS: z.url().optional(),
});
export type BootstrapConfig = Readonly<z.infer<typeof configSchema>>;

/** Reads the settings. Throws ConfigError that names every problem. */
export function loadConfig(env: Env = process.env): BootstrapConfig {
  const config = parseEnv(configSchema, env);
  const own = [config.AWS_ENDPOINT_URL_S3, config.AWS_ENDPOINT_URL_SQS, config.AWS_ENDPOINT_URL_SNS];
  const isHalfSet = own.some((url) => url !== undefined) && own.includes(undefined);
  if (config.AWS_ENDPOINT_URL === undefined && isHalfSet) {
    throw new ConfigError(
      "wrong settings: set AWS_ENDPOINT_URL, or all of AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL_SQS and AWS_ENDPOINT_URL_SNS; now some calls would go to real AWS",
    );
  }
  return config;
}
