// Deaths and other accidents of the cleaner, in real processes.
import { afterAll, beforeAll, describe, test } from "vitest";

import { type Pipeline, startPipeline } from "../pipeline/pipeline.ts";
import { deliveredTwice, poisoned, setScene, slow, stopped, stoppedTooSlow, zombie } from "./accidents.ts";
import { type Rounds, endure } from "./deaths.ts";

const rounds: Rounds = {
  appears: [
    "read manifest",
    "read input",
    "intent",
    "put part",
    ["put part", 1],
    "commit",
    "send",
    "look",
    "acknowledge",
  ],
  changes: ["intent", "put part", ["put part", 1], "commit", "delete", "send", "clear", "look", "acknowledge"],
  goes: ["read manifest", "read input", "commit", "delete", "send", "clear", "look", "acknowledge"],
  spoils: ["read input", "record failure", "commit", "send", "park", "clear", "look", "acknowledge"],
};

test(
  "a cleaner that is killed before any of its steps leaves a lake like any other",
  { timeout: 120_000 },
  async () => {
    await endure("cleaner", rounds, "stop");
  },
);

test(
  "a cleaner whose store and queues refuse any of its steps once ends all the same",
  { timeout: 120_000 },
  async () => {
    await endure("cleaner", rounds, "refuse");
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

describe("a cleaner", () => {
  let pipeline: Pipeline;
  beforeAll(async () => {
    pipeline = await startPipeline({ services: false });
  });
  afterAll(async () => pipeline[Symbol.asyncDispose]());

  test.for(accidents)("$story", { timeout: 90_000 }, async ({ name, happen }) => {
    await happen(await setScene(pipeline, "cleaner", `openaq/${name}.csv`));
  });
});
