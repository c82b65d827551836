/** The cleaner's settings. */
import { z } from "zod";
import { parseEnv, wholeNumber } from "@airlake/shared/env";
import type { Env } from "@airlake/shared/env";
import { checkSettings, workerShape } from "@airlake/shared/worker/settings";

import { defaultLimits } from "./limits.ts";

const name = z.string().min(1);

export const configSchema = z.object({
  ...workerShape,
  RAW_BUCKET: name,
  SILVER_BUCKET: name,
  /** The joiner's queue, by name. */
  NEXT_QUEUE: name,
  DATASETS_FOLDER: z.string().min(1),
  /** Sources in hand at once; small ones share statements. Of large ones four are split at a time: a fifth would wait with its body open. */
  CONCURRENCY: wholeNumber(1, 64).default(4),
  DUCKDB_THREADS: wholeNumber(1, 256).default(2),
  DUCKDB_MEMORY_MB: wholeNumber(128, 1_000_000).default(768),
  /** A source that inflates beyond this is rejected: 5 GB, and room. */
  MAX_INFLATED_BYTES: wholeNumber(1, 1_000_000_000_000).default(defaultLimits.inflatedBytes),
  /** More retractions within an hour than this share of all sources, in percent, are a mistake; 100 lets all pass. */
  FUSE_SHARE_PERCENT: wholeNumber(1, 100).default(20),
  /** So many within an hour are none: of a small lake it is a lot, and still the work of a person. */
  FUSE_MINIMUM: wholeNumber(1, 1_000_000).default(50),
});
export type CleanerConfig = Readonly<z.infer<typeof configSchema>>;

/** Reads the settings. Throws ConfigError that names every problem. */
export function loadConfig(env: Env = process.env): CleanerConfig {
  const config = parseEnv(configSchema, env);
  checkSettings(config);
  return config;
}
