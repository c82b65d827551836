import { PurgeQueueCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { describe, expect, onTestFinished, test } from "vitest";

import { type Clock, systemClock } from "@airlake/shared/clock";

import { type EmbeddedLake, openEmbedded, pipelineRoles } from "../src/embedded.ts";
import { openLake } from "../src/lake.ts";
import { type RestDeps, askToLook, depthOf, untilQuiet } from "../src/pipeline.ts";
import { type FailedMessage, createWatch } from "../src/watch.ts";
import { tempFolder } from "./temp-folder.ts";

/** A clock whose sleep takes no time but passes it. */
function quickClock(): Clock {
  let passedMs = 0;
  return {
    ...systemClock,
    now: () => new Date(Date.now() + passedMs),
    monotonicMs: () => performance.now() + passedMs,
    sleep: async (ms) => {
      passedMs += ms;
      await systemClock.sleep(0);
    },
  };
}

async function openedLake(): Promise<EmbeddedLake> {
  const opened = await openEmbedded(await openLake(`${await tempFolder()}/lake`, "create"), quickClock());
  onTestFinished(async () => opened[Symbol.asyncDispose]());
  // S3 says hello to every queue that it is to tell.
  await opened.sqs.send(new PurgeQueueCommand({ QueueUrl: opened.queues.clean.url }));
  return opened;
}

function restDeps(
  opened: EmbeddedLake,
  changes: Partial<RestDeps> & { readonly failed?: readonly FailedMessage[] } = {},
): RestDeps {
  const { failed = [], ...others } = changes;
  const watch = { ...createWatch(), failed: () => failed };
  return {
    opened,
    watch,
    signal: new AbortController().signal,
    roles: pipelineRoles,
    isDone: async () => false,
    ...others,
  };
}

/** Somebody takes a message of the clean queue, and keeps it for so many seconds. */
async function takenByOthers(opened: EmbeddedLake, seconds: number): Promise<string> {
  const { Messages: [message] = [] } = await opened.sqs.send(
    new ReceiveMessageCommand({ QueueUrl: opened.queues.clean.url, VisibilityTimeout: seconds }),
  );
  return message?.MessageId ?? "";
}

const idle = async (): Promise<void> => {};

describe("waiting for the pipeline's rest", () => {
  test("ends at once where nothing is on the queues, and counts what is", async () => {
    const opened = await openedLake();

    const empty = await untilQuiet(restDeps(opened), idle);
    await askToLook(
      opened,
      Array.from({ length: 23 }, (_, at) => `openaq/${at}.csv`),
    );

    expect(empty).toEqual({ kind: "quiet" });
    expect(await depthOf(opened, opened.queues.clean.url)).toEqual({ waiting: 23, inHand: 0 });
  });

  test("looks past what others hold where all that was asked for is done, and only there", async () => {
    const opened = await openedLake();
    await askToLook(opened, ["openaq/a.csv"]);
    await takenByOthers(opened, 3600);
    const abort = new AbortController();
    let ticks = 0;
    const forALongTime = async (): Promise<void> => {
      ticks += 1;
      if (ticks === 400) abort.abort();
    };

    const done = await untilQuiet(restDeps(opened, { isDone: async () => true }), idle);
    const undone = await untilQuiet(restDeps(opened, { signal: abort.signal }), forALongTime);

    expect(done).toEqual({ kind: "quiet" });
    expect(undone).toEqual({ kind: "interrupted" });
  });

  test("gives up on what has failed several times, but not on what has failed once", async () => {
    const opened = await openedLake();
    await askToLook(opened, ["openaq/a.csv"]);
    const messageId = await takenByOthers(opened, 3600);
    const failure = { messageId, keys: ["openaq/a.csv"], error: "no connection", code: undefined };
    const once = [{ ...failure, receives: 1 }];
    const often = [{ ...failure, receives: 4 }];
    const abort = new AbortController();
    let ticks = 0;
    const forTenSeconds = async (): Promise<void> => {
      ticks += 1;
      if (ticks === 400) abort.abort();
    };

    expect(await untilQuiet(restDeps(opened, { failed: often }), idle)).toEqual({ kind: "gave-up", failed: often });
    expect(await untilQuiet(restDeps(opened, { failed: once, signal: abort.signal }), forTenSeconds)).toEqual({
      kind: "interrupted",
    });
    // In the end also on that, when nothing else succeeds: another run may fail it in turn with this one.
    expect(await untilQuiet(restDeps(opened, { failed: once }), idle)).toEqual({ kind: "gave-up", failed: once });
  });

  test("ends with a sentence when the disk is full", async () => {
    const opened = await openedLake();
    await askToLook(opened, ["openaq/a.csv"]);
    const full = { messageId: "m", keys: [], receives: 1, error: "IO Error: No space left on device", code: undefined };

    await expect(untilQuiet(restDeps(opened, { failed: [full] }), idle)).rejects.toThrow("The disk is full");
  });
});
