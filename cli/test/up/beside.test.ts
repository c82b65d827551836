import { ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";

import { systemClock } from "@airlake/shared/clock";

import { type EmbeddedLake, openEmbedded } from "../../src/embedded.ts";
import { openLake } from "../../src/lake.ts";
import { type Rest, untilQuiet } from "../../src/pipeline.ts";
import { createWatch } from "../../src/watch.ts";
import { tempFolder } from "../temp-folder.ts";

let opened: EmbeddedLake;

beforeEach(async () => {
  opened = await openEmbedded(await openLake(join(await tempFolder(), "lake"), "create"), systemClock);
  onTestFinished(async () => opened[Symbol.asyncDispose]());
});

/** Puts messages on a queue that never empties; somebody else holds the first. */
async function keepBusy(): Promise<void> {
  const QueueUrl = opened.queues.clean.url;
  for (let at = 0; at < 3; at += 1) await opened.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "{}" }));
  await opened.sqs.send(new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 600 }));
}

async function rest(isDone: () => boolean, signal = new AbortController().signal): Promise<Rest["kind"]> {
  const deps = { opened, watch: createWatch(), signal, roles: ["clean"] as const, isDone: async () => isDone() };
  return (await untilQuiet(deps, async () => {})).kind;
}

describe("a run beside one that never ends", () => {
  test("ends when all that it was asked for is done", async () => {
    await keepBusy();
    let asked = 0;

    const ended = await rest(() => (asked += 1) === 2);

    expect([ended, asked]).toEqual(["quiet", 2]);
  });

  test("goes on while something of it is not done, and while nobody else works", async () => {
    const stopping = new AbortController();
    await opened.sqs.send(new SendMessageCommand({ QueueUrl: opened.queues.clean.url, MessageBody: "{}" }));
    let asked = 0;
    setTimeout(() => stopping.abort(), 2500);

    const alone = await rest(() => {
      asked += 1;
      return true;
    }, stopping.signal);

    expect([alone, asked]).toEqual(["interrupted", 0]);
  });
});
