/** sqs-consumer, as the workers use it, on the embedded queues. */
import type { Message, SQSClient } from "@aws-sdk/client-sqs";
import { Consumer } from "sqs-consumer";
import type { ConsumerOptions } from "sqs-consumer";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  countsOf,
  newQueue,
  newQueueWithDeadLetters,
  receiveOne,
  sendText,
} from "../../src/testing/contract-clients.ts";
import type { ContractClients } from "../../src/testing/contract-clients.ts";
import { openEmbedded } from "./open-embedded.ts";
import type { Embedded } from "./open-embedded.ts";

let embedded: Embedded;
let clients: ContractClients;
let consumer: Consumer | undefined;
beforeEach(() => {
  embedded = openEmbedded();
  clients = { s3: embedded.objects, sqs: embedded.queues };
});
afterEach(async () => {
  if (consumer !== undefined) await stop(consumer);
  consumer = undefined;
  embedded[Symbol.dispose]();
});

const none = { visible: 0, inFlight: 0, delayed: 0 };

describe("sqs-consumer on the embedded queues", () => {
  it("acknowledges what its handler returns, one by one and in batches", async () => {
    const queue = await newQueue(clients);
    const handled: string[] = [];

    consume(queue, async (message) => {
      handled.push(message.Body ?? "");
      return message;
    });
    for (const body of ["one", "two", "three"]) await sendText(clients, queue, body);

    await vi.waitFor(async () => expect(await countsOf(clients, queue)).toEqual(none), 10_000);
    expect(handled.toSorted()).toEqual(["one", "three", "two"]);
    await batched();
  });

  it("is given a message again whose handler threw", async () => {
    const queue = await newQueue(clients);
    const counts: string[] = [];

    consume(
      queue,
      async (message) => {
        counts.push(message.Attributes?.ApproximateReceiveCount ?? "");
        if (counts.length < 3) throw new Error("not yet");
        return message;
      },
      { visibilityTimeout: 1, terminateVisibilityTimeout: false },
    );
    await sendText(clients, queue, "x");

    await vi.waitFor(() => expect(counts).toEqual(["1", "2", "3"]), 15_000);
    await vi.waitFor(async () => expect(await countsOf(clients, queue)).toEqual(none), 10_000);
  });

  it("gives a message back at once where it is told to, until that is parked", async () => {
    const { queue, deadLetters } = await newQueueWithDeadLetters(clients, 3);
    let attempts = 0;

    consume(
      queue,
      async () => {
        attempts += 1;
        throw new Error("never");
      },
      { terminateVisibilityTimeout: true },
    );
    await sendText(clients, queue, "poison");

    const dead = await receiveOne(clients, deadLetters, { WaitTimeSeconds: 20 });
    expect(dead.Body).toBe("poison");
    expect(attempts).toBe(3);
  });

  it("keeps a message by its heartbeat for longer than its visibility", async () => {
    const queue = await newQueue(clients);
    let attempts = 0;
    const { promise: finish, resolve } = Promise.withResolvers<void>();
    const startedAt = performance.now();

    consume(
      queue,
      async (message) => {
        attempts += 1;
        await finish;
        return message;
      },
      { visibilityTimeout: 2, heartbeatInterval: 1 },
    );
    await sendText(clients, queue, "long");
    await vi.waitFor(() => expect(performance.now() - startedAt).toBeGreaterThan(3500), 10_000);

    expect(await countsOf(clients, queue)).toEqual({ visible: 0, inFlight: 1, delayed: 0 });
    resolve();
    await vi.waitFor(async () => expect(await countsOf(clients, queue)).toEqual(none), 10_000);
    expect(attempts).toBe(1);
  });

  it("ends its long poll at once when it is stopped", async () => {
    const queue = await newQueue(clients);
    const idle = consume(queue, async (message) => message);
    await vi.waitFor(() => expect(idle.status.isPolling).toBe(true), 10_000);
    const startedAt = performance.now();

    await stop(idle);

    expect(performance.now() - startedAt).toBeLessThan(3000);
  });
});

async function batched(): Promise<void> {
  const queue = await newQueue(clients);
  const options = {
    sqs: asSdk(),
    queueUrl: queue,
    batchSize: 10,
    waitTimeSeconds: 1,
    handleMessageBatch: async (messages: Message[]) => messages,
  };
  const other = Consumer.create(options);
  other.on("error", () => {});
  other.start();
  await Promise.all(Array.from({ length: 25 }, async (_, index) => sendText(clients, queue, `${index}`)));
  await vi.waitFor(async () => expect(await countsOf(clients, queue)).toEqual(none), 10_000);
  await stop(other);
}

function consume(
  queueUrl: string,
  handleMessage: ConsumerOptions["handleMessage"],
  options: Partial<ConsumerOptions> = {},
): Consumer {
  consumer = Consumer.create({
    sqs: asSdk(),
    queueUrl,
    waitTimeSeconds: 20,
    pollingWaitTimeMs: 1,
    messageSystemAttributeNames: ["ApproximateReceiveCount"],
    ...(handleMessage === undefined ? {} : { handleMessage }),
    ...options,
  });
  for (const event of ["error", "processing_error", "timeout_error"] as const) consumer.on(event, () => {});
  consumer.start();
  return consumer;
}

/** sqs-consumer uses nothing of a client but `send`. */
function asSdk(): SQSClient {
  return embedded.queues as unknown as SQSClient;
}

async function stop(running: Consumer): Promise<void> {
  if (!running.status.isRunning) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  running.once("stopped", () => resolve());
  running.stop({ abort: true });
  await promise;
}
