import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { align } from "../../src/stage/align.ts";
import { createManifestStore } from "../../src/stage/manifest-store.ts";
import { type Bounds, explore } from "./simulation.ts";

const real = { align, createManifestStore };
const bounds: Bounds = { script: "X", crashes: 1, expiries: 0, lostAnswers: 0, maxStates: 1000, maxSteps: 60 };
let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "airlake-protocol-"));
});
afterAll(async () => rm(scratch, { recursive: true, force: true }));

test.for(["X", "XY", "X-", "XYX", "X-X", "X!", "!"])("outputs follow the source in every order of two workers and a death: %s", async (script) => {
  const finding = await explore(real, { ...bounds, script }, scratch);

  expect(finding.fault, finding.schedule.join(" · ")).toBeUndefined();
  expect(finding.quiet).toBeGreaterThan(0);
});
