/** What the contract cannot show: time that the test decides, and several clients of one file. */
import { CreateQueueCommand, SetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import {
  acknowledge,
  countsOf,
  newQueue,
  newQueueWithDeadLetters,
  receive,
  receiveOne,
  refusalOf,
  sendText,
} from "../../src/testing/contract-clients.ts";
import type { ContractClients } from "../../src/testing/contract-clients.ts";
import { openEmbedded } from "./open-embedded.ts";
import type { Embedded } from "./open-embedded.ts";

let nowMs: number;
const clock = { ...systemClock, now: () => new Date(nowMs) };
let embedded: Embedded;
let clients: ContractClients;
beforeEach(() => {
  nowMs = Date.parse("2026-03-01T12:00:00Z");
  embedded = openEmbedded(clock);
  clients = { s3: embedded.objects, sqs: embedded.queues };
});
afterEach(() => embedded[Symbol.dispose]());

const atOnce = { WaitTimeSeconds: 0 };

describe("embedded queues", () => {
  it("hide a message to the millisecond of its visibility", async () => {
    const queue = await newQueue(clients, { VisibilityTimeout: "30" });
    await sendText(clients, queue, "x");
    await receiveOne(clients, queue, atOnce);

    nowMs += 29_999;
    expect(await receive(clients, queue, atOnce)).toEqual([]);
    nowMs += 1;

    expect(await receive(clients, queue, atOnce)).toHaveLength(1);
  });

  it("drop messages that are older than their queue keeps them, in flight or not", async () => {
    const queue = await newQueue(clients, { MessageRetentionPeriod: "60" });
    await sendText(clients, queue, "held");
    await receiveOne(clients, queue, { ...atOnce, VisibilityTimeout: 600 });
    await sendText(clients, queue, "waiting");

    nowMs += 60_000;

    expect(await receive(clients, queue, atOnce)).toEqual([]);
    expect(await countsOf(clients, queue)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
    expect(embedded.queues.isQuiet([queue])).toBe(true);
  });

  it("keep a dead letter's age: one that has outlived its dead-letter queue is gone", async () => {
    const { queue, deadLetters } = await newQueueWithDeadLetters(clients, 1);
    const Attributes = { MessageRetentionPeriod: "3600" };
    await clients.sqs.send(new SetQueueAttributesCommand({ QueueUrl: deadLetters, Attributes }));
    await sendText(clients, queue, "old");
    await receiveOne(clients, queue, { ...atOnce, VisibilityTimeout: 0 });

    nowMs += 3_600_000;
    await receive(clients, queue, atOnce);

    expect(await receive(clients, deadLetters, atOnce)).toEqual([]);
  });

  it("refuse a redrive policy whose dead-letter queue is not there", async () => {
    const deadLetterTargetArn = "arn:aws:sqs:us-east-1:000000000000:absent";
    const Attributes = { RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 1 }) };

    const request = clients.sqs.send(new CreateQueueCommand({ QueueName: "q", Attributes }));

    expect(await refusalOf(request)).toEqual({ name: "InvalidParameterValue", status: 400 });
  });

  it("are quiet only when nothing waits, is in flight or delayed in any of them", async () => {
    const [first, second] = [await newQueue(clients), await newQueue(clients, { DelaySeconds: "60" })];
    const quiet = (): boolean => embedded.queues.isQuiet([first, second]);

    expect(quiet()).toBe(true);
    await sendText(clients, first, "x");
    expect(quiet()).toBe(false);
    const held = await receiveOne(clients, first, atOnce);
    expect(quiet()).toBe(false);
    await sendText(clients, second, "delayed");
    await acknowledge(clients, first, held);
    expect(quiet()).toBe(false);
    nowMs += 60_000;
    await acknowledge(clients, second, await receiveOne(clients, second, atOnce));
    expect(quiet()).toBe(true);
    expect(() => embedded.queues.isQuiet([`${first}-not`])).toThrow("does not exist");
  });

  it("wake a long poll of the same process without waiting for its next look", async () => {
    const queue = await newQueue(clients);
    const waits: number[] = [];

    for (let turn = 0; turn < 15; turn += 1) {
      const waiting = receiveOne(clients, queue, { WaitTimeSeconds: 20 });
      await countsOf(clients, queue);
      const startedAt = performance.now();
      await sendText(clients, queue, "x");
      await acknowledge(clients, queue, await waiting);
      waits.push(performance.now() - startedAt);
    }

    // The next look alone would come about 50 ms later. The median, because a busy machine may hold up a few.
    expect(waits.toSorted((one, other) => one - other)[7]).toBeLessThan(35);
  });

  it("let a long poll see soon what another client of the same file sends", async () => {
    const queue = await newQueue(clients);
    using other = openEmbedded(clock, embedded.folder);
    const waiting = receive({ s3: other.objects, sqs: other.queues }, queue, { WaitTimeSeconds: 20 });
    const startedAt = performance.now();

    await sendText(clients, queue, "x");

    expect(await waiting).toHaveLength(1);
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });
});
