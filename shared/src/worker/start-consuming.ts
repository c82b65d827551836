/** What the four start.ts have alike: a worker on its queue, with its health port where one is set. */
import type { Clients } from "../clients.ts";
import { queueUrlOf } from "../clients.ts";
import { workerVersion } from "../version.ts";
import { createFailureDesk } from "./failures.ts";
import type { Handle } from "./hand.ts";
import { openScratch } from "./scratch.ts";
import type { WorkerSettings } from "./settings.ts";
import { startWorker } from "./worker.ts";
import type { Worker } from "./worker.ts";

export interface Consuming {
  /** The worker's name in logs, metrics and failure records. */
  readonly name: string;
  readonly concurrency: number;
  readonly handle: Handle;
  /** A sentence for each thing that keeps it from some of its work, though it works. */
  readonly warnings?: () => readonly string[];
}

/** Opens the port, then starts the worker. Disposing drains the worker first and closes the port last. */
export async function startConsuming(
  settings: WorkerSettings,
  clients: Clients,
  consuming: Consuming,
): Promise<AsyncDisposable> {
  await openScratch(settings.SCRATCH_FOLDER, settings.ATTEMPT_DEADLINE_SECONDS, clients.clock);
  const queueUrl = await queueUrlOf(clients.sqs, settings.QUEUE);
  const deadLetterQueueUrl = await queueUrlOf(clients.sqs, settings.DEAD_LETTER_QUEUE);
  const version = workerVersion();
  const failures = createFailureDesk(clients, {
    opsBucket: settings.OPS_BUCKET,
    deadLetterQueueUrl,
    name: consuming.name,
    version,
  });
  // Undefined until it has started: the port is opened first, so that a port in use is known before a message is taken.
  let worker: Worker | undefined;
  await using closing = new AsyncDisposableStack();
  if (settings.PORT !== undefined) {
    // The web server is a tenth of what a worker loads, and the embedded run has no port.
    const { startHealth } = await import("./health.ts");
    const { warnings = () => [] } = consuming;
    const health = { settings, clients, worker: () => worker, warnings, queueUrl, deadLetterQueueUrl };
    closing.use(await startHealth(health, { name: consuming.name, version }));
  }
  worker = closing.use(
    startWorker(
      { sqs: clients.sqs, log: clients.log, clock: clients.clock, failures, handle: consuming.handle },
      {
        queueUrl,
        concurrency: consuming.concurrency,
        visibilityTimeoutSeconds: settings.VISIBILITY_TIMEOUT_SECONDS,
        attemptDeadlineSeconds: settings.ATTEMPT_DEADLINE_SECONDS,
        drainTimeoutSeconds: settings.DRAIN_TIMEOUT_SECONDS,
        waitTimeSeconds: settings.WAIT_TIME_SECONDS,
      },
    ),
  );
  return closing.move();
}
