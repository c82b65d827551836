// The real protocol through the schedules of a simulated store. AIRLAKE_SEARCH=large goes ten times as far, for some minutes.
import { beforeAll, expect, test } from "vitest";

import { type Protocol, loadProtocol } from "./load-protocol.ts";
import { search } from "./search.ts";
import { type Bounds, noFaults } from "./world.ts";

const large = process.env["AIRLAKE_SEARCH"] === "large";
let protocol: Protocol;

beforeAll(async () => {
  protocol = await loadProtocol();
});

const everyFault = { crashes: 1, expiries: 1, lostAnswers: 1, refusals: 1 };

/** Small enough to go through every schedule. */
const whole: readonly Partial<Bounds>[] = [
  { script: "X", crashes: 1, expiries: 1, lostAnswers: 1 },
  { script: "!", crashes: 1, expiries: 1, lostAnswers: 1 },
  { script: "X-", crashes: 1 },
  { script: "X=", crashes: 1 },
  { script: "X!", crashes: 1 },
];

test.for(whole)(
  "outputs follow the source in every order of two workers: %o",
  async (bounds) => {
    const finding = await search(
      protocol,
      { ...noFaults, ...bounds },
      { departures: 99, attempts: large ? 5 : 3, walks: 0, limit: large ? 2_000_000 : 15_000 },
    );

    expect(finding.fault, finding.schedule.join(" · ")).toBeUndefined();
    expect(finding.complete).toBe(true);
  },
  large ? 1_200_000 : 30_000,
);

const farther: readonly Partial<Bounds>[] = [
  { script: "XY", crashes: 1 },
  { script: "XY", ...everyFault },
  { script: "XY", expiries: 1, refusals: 1, parts: 2 },
  { script: "X-", ...everyFault },
  { script: "XYX", crashes: 1, expiries: 1 },
  { script: "X-X", ...everyFault },
  { script: "X!=", ...everyFault },
  { script: "X!Y-", crashes: 1, lostAnswers: 1 },
  { script: "XY=", workers: 3, parts: 2, ...everyFault },
  { script: "XY", chained: true, crashes: 1 },
  { script: "X-Y", chained: true, workers: 3, ...everyFault },
];

test.for(farther)(
  "outputs follow the source in the likeliest and in random orders: %o",
  async (bounds) => {
    const finding = await search(
      protocol,
      { ...noFaults, ...bounds },
      { departures: large ? 4 : 2, attempts: 4, walks: large ? 20_000 : 400, limit: large ? 60_000 : 1000 },
    );

    expect(finding.fault, finding.schedule.join(" · ")).toBeUndefined();
  },
  large ? 600_000 : 30_000,
);
