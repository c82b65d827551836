// The real protocol through the schedules of a simulated store. With AIRLAKE_SEARCH=large it goes much farther, for some minutes.
import { beforeAll, expect, test } from "vitest";

import { type Protocol, loadProtocol } from "./load-protocol.ts";
import { search } from "./search.ts";
import { type Bounds, noFaults } from "./world.ts";

const large = process.env["AIRLAKE_SEARCH"] === "large";
const options = { timeout: large ? 1_800_000 : 30_000 };
let protocol: Protocol;

beforeAll(async () => {
  protocol = await loadProtocol();
});

const named = (bounds: Partial<Bounds>): { readonly name: string; readonly bounds: Bounds } => {
  return { name: JSON.stringify(bounds).replaceAll(/[{}"]/g, ""), bounds: { ...noFaults, ...bounds } };
};

/** Small enough to go through every schedule. */
const small = [
  { script: "XY" },
  { script: "X=" },
  { script: "X!" },
  { script: "X-", crashes: 1 },
  { script: "!", crashes: 1, expiries: 1 },
  { script: "!r" },
  { script: "X", crashes: 1, expiries: 1 },
  { script: "X", expiries: 1, lostAnswers: 1 },
].map(named);

const larger = [
  { script: "XYX" },
  { script: "XY", crashes: 1 },
  { script: "X=", crashes: 1 },
  { script: "X!", crashes: 1 },
  { script: "!r", crashes: 1, expiries: 1 },
  { script: "X!rr", lostAnswers: 1 },
  { script: "X-", crashes: 1, expiries: 1 },
  { script: "X", crashes: 1, expiries: 1, lostAnswers: 1 },
].map(named);

test.for([...small, ...(large ? larger : [])])(
  "outputs follow the source in every order of two workers: $name",
  options,
  async ({ bounds }) => {
    const finding = await search(protocol, bounds, { departures: 999, attempts: 3, walks: 0, limit: 500_000 });

    expect(finding.fault, finding.schedule.join(" · ")).toBeUndefined();
    expect(finding.complete).toBe(true);
  },
);

const everyFault = { crashes: 1, expiries: 1, lostAnswers: 1, refusals: 1 };

const long = [
  { script: "XY", ...everyFault },
  { script: "XY", expiries: 1, refusals: 1, parts: 2 },
  { script: "X-", ...everyFault },
  { script: "XYX", crashes: 1, expiries: 1 },
  { script: "X-X", ...everyFault },
  { script: "X!=", ...everyFault },
  { script: "X!rr", ...everyFault },
  { script: "!rX", ...everyFault },
  { script: "X!Y-", crashes: 1, lostAnswers: 1 },
  { script: "XY=", workers: 3, parts: 2, ...everyFault },
  { script: "XY", chained: true, crashes: 1 },
  { script: "X-Y", chained: true, workers: 3, ...everyFault },
].map(named);

test.for(long)("outputs follow the source in the plainest and in random orders: $name", options, async ({ bounds }) => {
  const plan = large
    ? { departures: 2, attempts: 4, walks: 8000, limit: 20_000 }
    : { departures: 2, attempts: 4, walks: 500, limit: 1500 };

  const finding = await search(protocol, bounds, plan);

  expect(finding.fault, finding.schedule.join(" · ")).toBeUndefined();
});
