import { GetObjectCommand } from "@aws-sdk/client-s3";
import { ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { expect, test } from "vitest";

import { failureRecordSchema } from "../../src/contracts/failure.ts";
import { type TestLake, createTestLake } from "../../src/testing/embedded-lake.ts";
import { createFailureDesk } from "../../src/worker/failures.ts";
import { replayCountOf, replayIdOf, stamped } from "../../src/worker/replay-attributes.ts";

async function fixture(lake: TestLake) {
  const deadLetterQueueUrl = await lake.queue("in-dlq");
  const desk = createFailureDesk(lake.clients, { opsBucket: "ops", deadLetterQueueUrl, name: "cleaner", version: "1" });
  const read = async (key: string) => {
    const { Body: stored } = await lake.s3.send(new GetObjectCommand({ Bucket: "ops", Key: key }));
    return failureRecordSchema.parse(JSON.parse((await stored?.transformToString()) ?? ""));
  };
  return { desk, read, deadLetterQueueUrl };
}

const message = {
  MessageId: "m1",
  Body: "{}",
  Attributes: { SentTimestamp: "1700000000000" },
  MessageAttributes: {
    ...stamped({ id: "r1", count: 2, by: "ann@desk" }),
    other: { DataType: "String", StringValue: "not ours" },
  },
};

test("records when the message was sent, and who is to park it", async () => {
  await using lake = await createTestLake();
  const { desk, read } = await fixture(lake);
  const { recordFailure } = desk.about(message, 10);

  const byWorker = await read(await recordFailure({ reason: "no-good", detail: "it is no good" }));
  const byQueue = await read(await recordFailure({ reason: "transient", detail: "not now", parkedBy: "queue" }));

  expect(byWorker).toMatchObject({ sentAt: "2023-11-14T22:13:20.000Z", parkedBy: "worker" });
  expect(byQueue).toMatchObject({ sentAt: "2023-11-14T22:13:20.000Z", parkedBy: "queue" });
});

test("parks a replayed message with the stamp that it came with", async () => {
  await using lake = await createTestLake();
  const { desk, deadLetterQueueUrl } = await fixture(lake);

  await desk.about(message, 1).park("no-good", "failures/key");

  const asked = { QueueUrl: deadLetterQueueUrl, MessageAttributeNames: ["All"] };
  const { Messages: [parked = {}] = [] } = await lake.sqs.send(new ReceiveMessageCommand(asked));
  expect(replayIdOf(parked)).toBe("r1");
  expect(replayCountOf(parked)).toBe(2);
  expect(Object.keys(parked.MessageAttributes ?? {}).toSorted()).toEqual([
    "failureKey",
    "parkedBy",
    "reason",
    "replay.by",
    "replay.count",
    "replay.id",
  ]);
});

test("reads a record of before, which tells neither", () => {
  const before = {
    contract: "failure/1",
    service: "cleaner",
    reason: "bad-gzip",
    detail: "it ends too early",
    errors: [],
    at: "2026-11-01T00:00:00.000Z",
    messageId: "m0",
    receiveCount: 1,
    body: "{}",
    attributes: {},
    workerVersion: "0.1.0",
  };

  expect(failureRecordSchema.parse(before)).toEqual({ ...before, parkedBy: "worker" });
});
