// Deaths and other accidents of the joiner, in real processes.
import { afterAll, beforeAll, describe, test } from "vitest";

import { type Pipeline, startPipeline } from "../pipeline/pipeline.ts";
import { deliveredTwice, poisoned, setScene, slow, stopped, stoppedTooSlow, zombie } from "./accidents.ts";
import { type Rounds, endure } from "./deaths.ts";

const rounds: Rounds = {
  appears: [
    "read manifest",
    "read input",
    "read part",
    "intent",
    "put part",
    ["put part", 1],
    "commit",
    "send",
    "look",
    "acknowledge",
  ],
  changes: [
    "read part",
    "intent",
    "put part",
    ["put part", 1],
    "commit",
    "delete",
    "send",
    "clear",
    "look",
    "acknowledge",
  ],
  goes: ["read manifest", "read input", "commit", "delete", "send", "clear", "look", "acknowledge"],
};

test("a joiner that is killed before any of its steps leaves a lake like any other", { timeout: 120_000 }, async () => {
  await endure("joiner", rounds, "stop");
});

test(
  "a joiner whose store and queues refuse any of its steps once ends all the same",
  { timeout: 120_000 },
  async () => {
    await endure("joiner", rounds, "refuse");
  },
);

const accidents = [
  { name: "delivered-twice", story: "changes nothing when its message comes again", happen: deliveredTwice },
  { name: "poisoned", story: "parks messages that it cannot read, and goes on", happen: poisoned },
  { name: "slow", story: "keeps a message for longer than its visibility", happen: slow },
  { name: "zombie", story: "takes its late parts away when another has its message", happen: zombie },
  { name: "stopped", story: "finishes what is in hand when it is told to stop", happen: stopped },
  { name: "stopped-too-slow", story: "hands back what it cannot finish in time", happen: stoppedTooSlow },
];

describe("a joiner", () => {
  let pipeline: Pipeline;
  beforeAll(async () => {
    pipeline = await startPipeline({ services: false });
  });
  afterAll(async () => pipeline[Symbol.asyncDispose]());

  test.for(accidents)("$story", { timeout: 90_000 }, async ({ name, happen }) => {
    await happen(await setScene(pipeline, "joiner", `openaq/${name}.csv`));
  });
});
