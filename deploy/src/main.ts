/** `node deploy/src/main.ts`: makes a lake's buckets, queues and topic, once; exit 0 when they are as they should be. */
import { topologyOf } from "@airlake/shared/contracts/topology";
import { ConfigError, codeOf, isTransient } from "@airlake/shared/errors";
import { createLogger } from "@airlake/shared/logger";
import { workerVersion } from "@airlake/shared/version";

import { bootstrap } from "./bootstrap.ts";
import { openClients } from "./clients.ts";
import { loadConfig } from "./config.ts";

const log = createLogger("bootstrap", { level: "info", version: workerVersion() });
try {
  const config = loadConfig();
  using clients = openClients(config);
  await bootstrap({ ...clients, log }, topologyOf(config.LAKE_PREFIX));
} catch (error) {
  if (error instanceof ConfigError) log.fatal(error.message);
  else if (error instanceof Error && isTransient(error))
    log.fatal(
      { code: codeOf(error) ?? error.name },
      "S3, SQS or SNS does not answer: start it, or correct AWS_ENDPOINT_URL",
    );
  else log.fatal({ err: error }, "cannot make the lake");
  process.exitCode = 1;
}
