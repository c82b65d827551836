/** What a worker does at its limits: the size of a message, the number of receives, the time of an attempt, the length of a line. */
import { GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { expect, test, vi } from "vitest";

import { type FailureRecord, failureRecordSchema } from "../../src/contracts/failure.ts";
import { maxMessageBytes, maxReceiveCount } from "../../src/contracts/topology.ts";
import { createLogger } from "../../src/logger.ts";
import type { Handle } from "../../src/worker/hand.ts";
import { retryDelaySeconds } from "../../src/worker/retry-delay.ts";
import { type WorkerFixture, workerFixture } from "./worker-fixture.ts";

interface Fixture extends WorkerFixture {
  records(): Promise<readonly FailureRecord[]>;
}

/** On a queue that parks as ours do. */
async function fixture(closing: AsyncDisposableStack): Promise<Fixture> {
  const deadLetterTargetArn = "arn:aws:sqs:us-east-1:000000000000:in-dlq";
  const made = await workerFixture(closing, {
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }),
  });
  const { lake } = made;
  return {
    ...made,
    start: (handle, options = {}) => made.start(handle, { drainTimeoutSeconds: 1, waitTimeSeconds: 1, ...options }),
    async records() {
      const listed = await lake.s3.send(new ListObjectsV2Command({ Bucket: "ops", Prefix: "failures/" }));
      const texts = (listed.Contents ?? []).map(async ({ Key }) => {
        const got = await lake.s3.send(new GetObjectCommand({ Bucket: "ops", Key }));
        return failureRecordSchema.parse(JSON.parse((await got.Body?.transformToString()) ?? ""));
      });
      return Promise.all(texts);
    },
  };
}

const patient = { timeout: 60_000 };
const noGood: Handle = async () => ({ kind: "rejected", reason: "no-good", detail: "it is no good", parked: false });

test("parks a message with its reason as long as SQS takes it with that", patient, async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, deadLetterQueueUrl, queueUrl, start, records } = await fixture(closing);
  await lake.send(queueUrl, "x".repeat(maxMessageBytes - 1024));

  start(noGood);

  await vi.waitFor(async () => expect(await lake.depth(deadLetterQueueUrl)).toBe(1), { timeout: 20_000 });
  const [parked] = await lake.take(deadLetterQueueUrl);
  expect(parked?.attributes).toMatchObject({ reason: "no-good" });
  expect(await records()).toMatchObject([{ reason: "no-good", parkedBy: "worker", receiveCount: 1 }]);
});

test("leaves a larger one to SQS, whole and not looked at, with one record that says why", patient, async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, deadLetterQueueUrl, queueUrl, start, records } = await fixture(closing);
  const body = "x".repeat(maxMessageBytes - 1023);
  await lake.send(queueUrl, body);
  let looks = 0;

  const { tally } = start(async (_message, hand) => {
    looks += 1;
    // As a stage does that parks by itself.
    await hand.park("no-good", "key");
    return { kind: "rejected", reason: "no-good", detail: "it is no good", parked: true };
  });

  await vi.waitFor(async () => expect(await lake.depth(deadLetterQueueUrl)).toBe(1), { timeout: 40_000 });
  expect(await lake.depth(queueUrl)).toBe(0);
  const [parked] = await lake.take(deadLetterQueueUrl);
  expect(parked?.body).toBe(body);
  expect(await records()).toMatchObject([
    { reason: "unreadable-message", parkedBy: "queue", receiveCount: maxReceiveCount },
  ]);
  expect(looks).toBe(0);
  expect(tally.snapshot()).toMatchObject({ inHand: 0, outcomes: { rejected: maxReceiveCount } });
  expect(tally.snapshot().last[0]).toMatchObject({ outcome: "rejected", reason: "unreadable-message" });
  expect(lake.lines).toContainEqual(
    expect.objectContaining({ reason: "unreadable-message", durationMs: expect.any(Number) }),
  );
});

test("SQS takes a message of a mebibyte and none that is longer", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl } = await fixture(closing);

  await lake.send(queueUrl, "x".repeat(maxMessageBytes));

  await expect(lake.send(queueUrl, "x".repeat(maxMessageBytes + 1))).rejects.toThrow(/shorter than 1048576/);
});

test("tries a failing message ten times, later and later, and then leaves it to SQS at once", () => {
  const atMost = Array.from({ length: 10 }, (_, at) => retryDelaySeconds(at + 1, 0.999_999));
  const atLeast = Array.from({ length: 10 }, (_, at) => retryDelaySeconds(at + 1, 0));
  const minutes = (delays: readonly number[]): number => delays.reduce((sum, delay) => sum + delay, 0) / 60;

  expect(atMost).toEqual([2, 4, 8, 30, 300, 600, 900, 900, 900, 0]);
  expect(atLeast).toEqual([1, 2, 4, 15, 150, 300, 450, 450, 450, 0]);
  expect([Math.floor(minutes(atLeast)), Math.floor(minutes(atMost))]).toEqual([30, 60]);
});

test("waits a quarter of an hour where a queue gives a message more than ten receives", () => {
  expect([11, 12, 1000].map((receive) => retryDelaySeconds(receive, 0.999_999))).toEqual([900, 900, 900]);
});

test("parks after the tenth receive and not after the ninth", patient, async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, deadLetterQueueUrl, start } = await fixture(closing);
  await lake.send(queueUrl, "good at last");
  await lake.send(queueUrl, "never good");
  for (let receive = 1; receive < maxReceiveCount; receive += 1) {
    const take = { QueueUrl: queueUrl, VisibilityTimeout: 0, MaxNumberOfMessages: 10 };
    await lake.sqs.send(new ReceiveMessageCommand(take));
  }

  start(async (message) => {
    if (message.Body === "never good") throw new Error("no");
    return { kind: "done", facts: { receiveCount: Number(message.Attributes?.ApproximateReceiveCount) } };
  });

  await vi.waitFor(async () => expect(await lake.depth(deadLetterQueueUrl)).toBe(1), { timeout: 20_000 });
  expect(await lake.depth(queueUrl)).toBe(0);
  expect((await lake.take(deadLetterQueueUrl)).map(({ body }) => body)).toEqual(["never good"]);
  expect(lake.lines).toContainEqual(expect.objectContaining({ outcome: "done", receiveCount: maxReceiveCount }));
});

test("has as many messages in hand as it may, and never more", patient, async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, start } = await fixture(closing);
  for (let at = 0; at < 12; at += 1) await lake.send(queueUrl, String(at));
  const { promise: full, resolve } = Promise.withResolvers<void>();
  let inHand = 0;
  let most = 0;

  start(
    async () => {
      most = Math.max(most, (inHand += 1));
      if (inHand === 3) resolve();
      await full;
      // Long enough for a fourth to come, were there one.
      await new Promise((done) => setTimeout(done, 20));
      inHand -= 1;
      return { kind: "done", facts: {} };
    },
    { concurrency: 3 },
  );

  await vi.waitFor(async () => expect(await lake.depth(queueUrl)).toBe(0), { timeout: 20_000 });
  expect(most).toBe(3);
});

test("gives an attempt up at its deadline, and the message comes back", patient, async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, start } = await fixture(closing);
  await lake.send(queueUrl, "slow");
  const receives: string[] = [];

  start(
    async (message, hand) => {
      receives.push(message.Attributes?.ApproximateReceiveCount ?? "");
      if (receives.length > 1) return { kind: "done", facts: {} };
      // Longer than the deadline, however often the visibility is extended.
      await new Promise((_resolve, reject) => hand.signal.addEventListener("abort", () => reject(hand.signal.reason)));
      return { kind: "done", facts: {} };
    },
    { visibilityTimeoutSeconds: 1, attemptDeadlineSeconds: 2 },
  );

  await vi.waitFor(async () => expect(await lake.depth(queueUrl)).toBe(0), { timeout: 20_000 });
  expect(receives).toEqual(["1", "2"]);
  expect(lake.lines).toContainEqual(expect.objectContaining({ msg: "message failed", reason: "transient" }));
});

test("shortens what an error says in records and log lines, and says by how much", patient, async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, start, records } = await fixture(closing);
  const lines: string[] = [];
  await lake.send(queueUrl, `{"correlationId":"${"c".repeat(100_001)}"}`);
  const error = new Error("e".repeat(1_000_000), { cause: new Error("f".repeat(4001)) });
  for (let receive = 1; receive < maxReceiveCount; receive += 1) {
    await lake.sqs.send(new ReceiveMessageCommand({ QueueUrl: queueUrl, VisibilityTimeout: 0 }));
  }

  start(async () => {
    throw error;
  });
  await vi.waitFor(async () => expect(await records()).toHaveLength(1), { timeout: 20_000 });
  createLogger("tester", { level: "info", version: "1", sink: { write: (line) => void lines.push(line) } }).error(
    { err: error },
    "message failed",
  );

  const [record] = await records();
  expect(record?.detail).toBe(`${"e".repeat(4000)}… (996000 more characters)`);
  expect(record?.errors[1]).toMatch(/^Error: f+… \(8 more characters\)$/);
  expect(record?.body).toHaveLength(100_000);
  expect(record?.correlationId).toHaveLength(128);
  expect(lines[0]?.length).toBeLessThan(20_000);
});
