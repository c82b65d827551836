/** The life of a worker process: settings, clients, start, signals, drain. */
import closeWithGrace from "close-with-grace";
import { openClients } from "../clients.ts";
import type { Clients } from "../clients.ts";
import { ConfigError } from "../errors.ts";
import { createLogger } from "../logger.ts";
import { workerVersion } from "../version.ts";
import { checkReach } from "./check-reach.ts";
import type { WorkerSettings } from "./settings.ts";

/** Runs until SIGTERM or SIGINT, then drains and exits 0. What it cannot start with is said in one line: exit 1. */
export async function runMain<T extends WorkerSettings>(
  name: string,
  loadConfig: () => T,
  start: (config: T, clients: Clients) => Promise<AsyncDisposable>,
): Promise<void> {
  const log = createLogger(name, { level: "info", version: workerVersion() });
  const closing = new AsyncDisposableStack();
  let grace: { uninstall(): void } | undefined;
  try {
    const config = loadConfig();
    log.level = config.LOG_LEVEL;
    // First of all: the first process of a container that does not listen for a signal does not get it.
    grace = closeWithGrace(
      { delay: (config.DRAIN_TIMEOUT_SECONDS + 15) * 1000, logger: false },
      async ({ err, signal }) => {
        if (err !== undefined) log.fatal({ err }, "stopping after an error");
        else log.info({ signal }, "draining");
        await closing.disposeAsync();
        log.info("stopped");
      },
    );
    const clients = closing.use(openClients(config, log));
    await checkReach(config, clients);
    const started = await start(config, clients);
    // A signal during the start has closed the clients already, and the process is about to exit.
    if (closing.disposed) return await started[Symbol.asyncDispose]();
    closing.use(started);
    log.info("started");
  } catch (error) {
    if (closing.disposed) return;
    grace?.uninstall();
    if (error instanceof ConfigError) log.fatal(error.message);
    else log.fatal({ err: error }, "cannot start");
    process.exitCode = 1;
    await closing.disposeAsync();
  }
}
