import { GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { ChangeMessageVisibilityCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { expect, test, vi } from "vitest";

import { failureRecordSchema } from "../../src/contracts/failure.ts";
import { TransientError } from "../../src/errors.ts";
import type { QueueClient } from "../../src/queue-client.ts";
import { workerFixture } from "./worker-fixture.ts";

test("acknowledges what is done", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, start } = await workerFixture(closing);
  await lake.send(queueUrl, { hello: 1 });

  start(async () => ({ kind: "done", facts: { rowsRead: 3 } }));

  await vi.waitFor(async () => expect(await lake.depth(queueUrl)).toBe(0));
  expect(lake.lines).toContainEqual(expect.objectContaining({ msg: "message settled", outcome: "done", rowsRead: 3 }));
});

test("writes a failure record, parks with its key and reason, and then acknowledges what is rejected", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, deadLetterQueueUrl, start } = await workerFixture(closing);
  await lake.send(queueUrl, { correlationId: "story-1" });

  start(async () => ({ kind: "rejected", reason: "no-good", detail: "it is no good", parked: false }));

  await vi.waitFor(async () => expect(await lake.depth(queueUrl)).toBe(0));
  const [parked] = await lake.take(deadLetterQueueUrl);
  expect(parked?.body).toBe('{"correlationId":"story-1"}');
  expect(parked?.attributes["reason"]).toBe("no-good");
  const record = await lake.s3.send(new GetObjectCommand({ Bucket: "ops", Key: parked?.attributes["failureKey"] }));
  const written = failureRecordSchema.parse(JSON.parse((await record.Body?.transformToString()) ?? ""));
  expect(written).toMatchObject({
    service: "tester",
    reason: "no-good",
    detail: "it is no good",
    correlationId: "story-1",
  });
});

test("leaves on the queue what failed, and takes it again", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, start } = await workerFixture(closing);
  await lake.send(queueUrl, "{}");
  const counts: string[] = [];

  start(async (message) => {
    counts.push(message.Attributes?.ApproximateReceiveCount ?? "");
    if (counts.length === 1) throw new TransientError("not now");
    return { kind: "done", facts: {} };
  });

  await vi.waitFor(() => expect(counts).toEqual(["1", "2"]), { timeout: 10_000 });
  await vi.waitFor(async () => expect(await lake.depth(queueUrl)).toBe(0));
});

test("leaves a failure record on the last receive, with the chain of causes", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, start } = await workerFixture(closing);
  await lake.send(queueUrl, "{}");
  // Nine receives that nobody acknowledged.
  for (let count = 1; count < 10; count += 1) {
    await lake.sqs.send(new ReceiveMessageCommand({ QueueUrl: queueUrl, VisibilityTimeout: 0 }));
  }

  start(async () => {
    throw new Error("nobody thought of it", { cause: new Error("the cause") });
  });

  const records = await vi.waitFor(async () => {
    const { Contents: found = [] } = await lake.s3.send(
      new ListObjectsV2Command({ Bucket: "ops", Prefix: "failures/" }),
    );
    expect(found).toHaveLength(1);
    return found;
  });
  const got = await lake.s3.send(new GetObjectCommand({ Bucket: "ops", Key: records[0]?.Key }));
  const record = failureRecordSchema.parse(JSON.parse((await got.Body?.transformToString()) ?? ""));
  expect(record).toMatchObject({
    reason: "unexpected",
    receiveCount: 10,
    errors: ["Error: nobody thought of it", "Error: the cause"],
  });
});

test("keeps a message hidden that takes longer than its visibility", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, start } = await workerFixture(closing);
  await lake.send(queueUrl, "{}");
  const { promise: finish, resolve } = Promise.withResolvers<void>();
  let taken = 0;
  const startedMs = performance.now();

  start(
    async () => {
      taken += 1;
      await finish;
      return { kind: "done", facts: {} };
    },
    { visibilityTimeoutSeconds: 1, concurrency: 2 },
  );

  await vi.waitFor(() => expect(performance.now() - startedMs).toBeGreaterThan(2500), { timeout: 5000 });
  expect(taken).toBe(1);
  resolve();
  await vi.waitFor(async () => expect(await lake.depth(queueUrl)).toBe(0));
});

test("gives up a heartbeat that is not answered, and sends the next", { timeout: 60_000 }, async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, start } = await workerFixture(closing);
  await lake.send(queueUrl, "{}");
  const { promise: again, resolve } = Promise.withResolvers<void>();
  let beats = 0;
  const send = async (...sent: readonly unknown[]): Promise<unknown> => {
    if (!(sent[0] instanceof ChangeMessageVisibilityCommand)) return Reflect.apply(lake.sqs.send, lake.sqs, [...sent]);
    beats += 1;
    if (beats > 1) return resolve();
    // A connection on which nothing comes back.
    const { abortSignal } = (sent[1] ?? {}) as { readonly abortSignal?: AbortSignal };
    return new Promise((_resolve, reject) =>
      abortSignal?.addEventListener("abort", () => reject(abortSignal.reason as Error)),
    );
  };

  start(
    async () => {
      await again;
      return { kind: "done", facts: {} };
    },
    // Long enough for a slow machine to send the second before the lease ends.
    { visibilityTimeoutSeconds: 4 },
    { send: send as QueueClient["send"] },
  );

  await vi.waitFor(async () => expect(await lake.depth(queueUrl)).toBe(0), { timeout: 20_000 });
  expect(beats).toBe(2);
  expect(lake.lines).toContainEqual(expect.objectContaining({ msg: "visibility could not be extended" }));
});

test("finishes what is in hand when it is stopped, and takes nothing more", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, start } = await workerFixture(closing);
  await lake.send(queueUrl, "1");
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: finish, resolve } = Promise.withResolvers<void>();
  const worker = start(async () => {
    begin();
    await finish;
    return { kind: "done", facts: {} };
  });
  await begun;
  await lake.send(queueUrl, "2");

  const stopped = worker[Symbol.asyncDispose]();
  resolve();
  await stopped;

  expect((await lake.take(queueUrl)).map((message) => message.body)).toEqual(["2"]);
});

test("hands back what is still in hand when the drain time is over", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, start } = await workerFixture(closing);
  await lake.send(queueUrl, "1");
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const worker = start(
    async (_message, hand) => {
      begin();
      await new Promise((_resolve, reject) => hand.signal.addEventListener("abort", () => reject(hand.signal.reason)));
      return { kind: "done", facts: {} };
    },
    { drainTimeoutSeconds: 0 },
  );
  await begun;

  await worker[Symbol.asyncDispose]();

  expect((await lake.take(queueUrl)).map((message) => message.body)).toEqual(["1"]);
});

test("stops at once when nothing is in hand, also in the middle of a long poll", async () => {
  await using closing = new AsyncDisposableStack();
  const { start } = await workerFixture(closing);
  const worker = start(async () => ({ kind: "done", facts: {} }));
  const startedMs = performance.now();

  await worker[Symbol.asyncDispose]();

  expect(performance.now() - startedMs).toBeLessThan(5000);
});

test("asks a queue that fails only every two seconds, and goes on when it answers again", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, start } = await workerFixture(closing);
  let isAway = true;
  const send = async (...sent: readonly unknown[]): Promise<unknown> => {
    if (isAway && sent[0] instanceof ReceiveMessageCommand) throw new Error("away");
    return Reflect.apply(lake.sqs.send, lake.sqs, [...sent]);
  };
  const complaints = (): number => lake.lines.filter(({ msg }) => msg === "queue request failed").length;
  const startedMs = performance.now();

  start(async () => ({ kind: "done", facts: {} }), {}, { send: send as QueueClient["send"] });
  await vi.waitFor(() => expect(complaints()).toBeGreaterThanOrEqual(4), { timeout: 15_000 });
  const tookMs = performance.now() - startedMs;
  isAway = false;
  await lake.send(queueUrl, { hello: 1 });

  // Two at once, for the second request is on its way already; then one every two seconds.
  expect(tookMs).toBeGreaterThan(3500);
  await vi.waitFor(async () => expect(await lake.depth(queueUrl)).toBe(0), { timeout: 10_000 });
});
