import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { type Clock, systemClock } from "@airlake/shared/clock";
import { type TestLake, createTestLake } from "@airlake/shared/testing/embedded-lake";
import { expect, test } from "vitest";

import { type Hold, holdAll } from "../../src/dlq/hold.ts";

const unbroken = new AbortController().signal;

/** A queue with so many messages, and a monotonic clock that can be put forward. */
async function fixture(lake: TestLake, count: number) {
  const url = await lake.queue("dead");
  for (let at = 0; at < count; at += 1)
    await lake.sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: String(at) }));
  let aheadMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
  return {
    url,
    forward: (seconds: number) => void (aheadMs += seconds * 1000),
    hold: async (signal = unbroken): Promise<Hold> =>
      holdAll({ sqs: lake.sqs, clock }, { url, holdSeconds: 30, waitSeconds: 0, signal }),
  };
}

const idsOf = (hold: Hold): readonly string[] => hold.messages.map(({ MessageId }) => MessageId ?? "");

test("sees every message once, hidden from others until they are released", async () => {
  await using lake = await createTestLake();
  const { url, hold } = await fixture(lake, 25);

  const held = await hold();

  expect(held).toMatchObject({ complete: true, messages: { length: 25 } });
  expect(await lake.take(url)).toEqual([]);
  await held.release();
  expect(await lake.take(url)).toHaveLength(25);
});

test("neither deletes nor releases with a receipt whose time is over", async () => {
  await using lake = await createTestLake();
  const { url, hold, forward } = await fixture(lake, 2);
  const held = await hold();
  const [first = "", second = ""] = idsOf(held);

  forward(28);

  expect(held.isHeld(first)).toBe(false);
  expect(await held.remove([first])).toEqual(new Set([first]));
  await held.release([second]);
  expect(await lake.depth(url)).toBe(2);
  expect(await lake.take(url)).toEqual([]);
});

test("keeps what is renewed in time", async () => {
  await using lake = await createTestLake();
  const { url, hold, forward } = await fixture(lake, 12);
  const held = await hold();

  for (let turn = 0; turn < 4; turn += 1) {
    forward(20);
    await held.renew();
  }

  const ids = idsOf(held);
  expect(ids.every((id) => held.isHeld(id))).toBe(true);
  expect(await held.remove(ids)).toEqual(new Set());
  expect(await lake.depth(url)).toBe(0);
});

test("says that it is not whole where the person wished to stop", async () => {
  await using lake = await createTestLake();
  const { url, hold } = await fixture(lake, 2);

  const held = await hold(AbortSignal.abort());
  await held.release();

  expect(held).toMatchObject({ complete: false, messages: [] });
  expect(await lake.take(url)).toHaveLength(2);
});
