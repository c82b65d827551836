/** The settings of catalog-sync. */
import { z } from "zod";
import { parseEnv, wholeNumber } from "@airlake/shared/env";
import type { Env } from "@airlake/shared/env";
import { ConfigError } from "@airlake/shared/errors";
import { checkSettings, workerShape } from "@airlake/shared/worker/settings";

const name = z.string().min(1);

export const configSchema = z.object({
  ...workerShape,
  SILVER_BUCKET: name,
  GOLD_BUCKET: name,
  DATASETS_FOLDER: z.string().min(1),
  /** Which catalog is kept. */
  CATALOG: z.enum(["glue", "duckdb"]),
  /** The DuckDB catalog's file. */
  CATALOG_FILE: z.string().optional(),
  CONCURRENCY: wholeNumber(1, 64).default(1),
});
export type CatalogSyncConfig = Readonly<z.infer<typeof configSchema>>;

/** Reads the settings. Throws ConfigError that names every problem. */
export function loadConfig(env: Env = process.env): CatalogSyncConfig {
  const config = parseEnv(configSchema, env);
  checkSettings(config, { glue: config.CATALOG === "glue" });
  if ((config.CATALOG === "duckdb") !== (config.CATALOG_FILE !== undefined)) {
    throw new ConfigError("wrong settings: CATALOG_FILE goes with CATALOG=duckdb, and with no other");
  }
  return config;
}
