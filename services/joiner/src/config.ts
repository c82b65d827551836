/** The joiner's settings. */
import { z } from "zod";
import { parseEnv, wholeNumber } from "@airlake/shared/env";
import type { Env } from "@airlake/shared/env";
import { checkSettings, workerShape } from "@airlake/shared/worker/settings";

const name = z.string().min(1);

export const configSchema = z.object({
  ...workerShape,
  SILVER_BUCKET: name,
  GOLD_BUCKET: name,
  /** The queue of catalog-sync, by name. */
  NEXT_QUEUE: name,
  DATASETS_FOLDER: z.string().min(1),
  /** Sources in hand at once. Small ones share a statement, so many in hand are quick; large ones take turns. */
  CONCURRENCY: wholeNumber(1, 256).default(16),
  DUCKDB_THREADS: wholeNumber(1, 256).default(2),
  DUCKDB_MEMORY_MB: wholeNumber(128, 1_000_000).default(512),
});
export type JoinerConfig = Readonly<z.infer<typeof configSchema>>;

/** Reads the settings. Throws ConfigError that names every problem. */
export function loadConfig(env: Env = process.env): JoinerConfig {
  const config = parseEnv(configSchema, env);
  checkSettings(config);
  return config;
}
