/** The life of a worker process: settings, clients, start, signals, drain. */
import closeWithGrace from "close-with-grace";
import { openClients } from "../clients.ts";
import type { Clients } from "../clients.ts";
import { ConfigError } from "../errors.ts";
import { createLogger } from "../logger.ts";
import { workerVersion } from "../version.ts";
import type { WorkerSettings } from "./settings.ts";

/** Runs until SIGTERM or SIGINT, then drains and exits 0. Settings that are wrong: one line, exit 1. */
export async function runMain<T extends WorkerSettings>(
  name: string,
  loadConfig: () => T,
  start: (config: T, clients: Clients) => Promise<AsyncDisposable>,
): Promise<void> {
  const log = createLogger(name, { level: "info", version: workerVersion() });
  try {
    const config = loadConfig();
    log.level = config.LOG_LEVEL;
    const clients = openClients(config, log);
    const started = await start(config, clients);
    log.info("started");
    closeWithGrace({ delay: (config.DRAIN_TIMEOUT_SECONDS + 15) * 1000, logger: false }, async ({ err, signal }) => {
      if (err !== undefined) log.fatal({ err }, "stopping after an error");
      else log.info({ signal }, "draining");
      await started[Symbol.asyncDispose]();
      await clients[Symbol.asyncDispose]();
      log.info("stopped");
    });
  } catch (error) {
    if (error instanceof ConfigError) log.fatal(error.message);
    else log.fatal({ err: error }, "cannot start");
    process.exitCode = 1;
  }
}
