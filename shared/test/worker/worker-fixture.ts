/** A worker on an embedded lake: a queue, its dead-letter queue, and a place for failure records. */
import type { QueueClient } from "../../src/queue-client.ts";
import { type TestLake, createTestLake } from "../../src/testing/embedded-lake.ts";
import { createFailureDesk } from "../../src/worker/failures.ts";
import type { Handle } from "../../src/worker/hand.ts";
import { type Worker, type WorkerOptions, startWorker } from "../../src/worker/worker.ts";

export interface WorkerFixture {
  readonly lake: TestLake;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  start(handle: Handle, options?: Partial<WorkerOptions>, sqs?: QueueClient): Worker;
}

const usual = {
  concurrency: 1,
  visibilityTimeoutSeconds: 30,
  attemptDeadlineSeconds: 60,
  drainTimeoutSeconds: 10,
  waitTimeSeconds: 20,
};

/** `attributes` are the queue's; the dead-letter queue is `in-dlq`. */
export async function workerFixture(
  closing: AsyncDisposableStack,
  attributes: Readonly<Record<string, string>> = {},
): Promise<WorkerFixture> {
  const lake = closing.use(await createTestLake());
  const deadLetterQueueUrl = await lake.queue("in-dlq");
  const queueUrl = await lake.queue("in", attributes);
  const names = { opsBucket: "ops", deadLetterQueueUrl, name: "tester", version: "1" };
  const failures = createFailureDesk(lake.clients, names);
  return {
    lake,
    queueUrl,
    deadLetterQueueUrl,
    start: (handle, options = {}, sqs = lake.sqs) =>
      closing.use(startWorker({ ...lake.clients, sqs, failures, handle }, { queueUrl, ...usual, ...options })),
  };
}
