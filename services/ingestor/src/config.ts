/** The ingestor's settings. */
import { z } from "zod";
import { parseEnv, wholeNumber } from "@airlake/shared/env";
import type { Env } from "@airlake/shared/env";
import { ConfigError } from "@airlake/shared/errors";
import { checkSettings, workerShape } from "@airlake/shared/worker/settings";

const name = z.string().min(1);

export const configSchema = z.object({
  ...workerShape,
  RAW_BUCKET: name,
  DATASETS_FOLDER: z.string().min(1),
  /** Objects on their way at once; scratch must hold as many of the largest size. They wait for the network, not for a core. */
  CONCURRENCY: wholeNumber(1, 64).default(4),
  /** An object beyond this is rejected. S3 takes 5 GiB in one PUT. */
  MAX_OBJECT_BYTES: wholeNumber(1, 5_368_709_120).default(5_000_000_000),
  /** A source that sends nothing for this long is given up for now. */
  IDLE_TIMEOUT_SECONDS: wholeNumber(1, 3600).default(60),
  /** One download altogether, resumptions included; below ATTEMPT_DEADLINE_SECONDS, so that the upload has time left. */
  DOWNLOAD_TIMEOUT_SECONDS: wholeNumber(1, 43_200).default(3600),
  /** `true`: URLs may lead to this machine and to private networks. Never in a cloud, where they reach its metadata. */
  ALLOW_PRIVATE_ADDRESSES: z.enum(["true", "false"]).default("false"),
  /** Where s3:// objects are read from; without it, from where the SDK's own settings say. */
  SOURCE_S3_ENDPOINT_URL: z.url().optional(),
});
export type IngestorConfig = Readonly<z.infer<typeof configSchema>>;

/** Reads the settings. Throws ConfigError that names every problem. */
export function loadConfig(env: Env = process.env): IngestorConfig {
  const config = parseEnv(configSchema, env);
  checkSettings(config);
  if (config.DOWNLOAD_TIMEOUT_SECONDS >= config.ATTEMPT_DEADLINE_SECONDS) {
    throw new ConfigError("wrong settings: DOWNLOAD_TIMEOUT_SECONDS must be below ATTEMPT_DEADLINE_SECONDS");
  }
  return config;
}
