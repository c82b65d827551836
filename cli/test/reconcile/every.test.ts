import { rm } from "node:fs/promises";

import { systemClock } from "@airlake/shared/clock";
import { expect, test } from "vitest";

import { CommandError } from "../../src/command-error.ts";
import { lookEvery } from "../../src/reconcile/look-every.ts";
import { inProcess } from "../in-process.ts";
import { reconciledLake } from "./reconciled-lake.ts";

test("looks again after each look, also where the lake was away, until it is stopped", async () => {
  const stop = new AbortController();
  const waits: number[] = [];
  const lines: string[] = [];
  const clock = {
    ...systemClock,
    now: () => new Date(0),
    sleep: async (ms: number) => {
      waits.push(ms);
      if (waits.length === 4) stop.abort();
    },
  };
  const look = async (): Promise<void> => {
    if (waits.length === 1) throw new CommandError("S3 does not answer.");
    // In the middle of an answer, where nobody has made a sentence of it.
    if (waits.length === 2) throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    lines.push("looked");
  };
  const out = { line: (text = "") => void lines.push(text), note: () => {} };

  // Only these two of a terminal are asked for.
  await lookEvery({ clock, out: out as never, look, signal: stop.signal }, 3600, true);

  const trouble = '{"at":"1970-01-01T00:00:00.000Z","trouble":"S3 does not answer."}';
  const brokenOff = '{"at":"1970-01-01T00:00:00.000Z","trouble":"The look broke off (read ECONNRESET)."}';
  expect(lines).toEqual(["looked", trouble, brokenOff, "looked"]);
  expect(waits).toEqual([3_600_000, 3_600_000, 3_600_000, 3_600_000]);
});

test("a defect is no trouble that passes", async () => {
  const look = async (): Promise<void> => {
    throw new TypeError("a defect");
  };
  const deps = { clock: systemClock, out: {} as never, look, signal: new AbortController().signal };

  await expect(lookEvery(deps, 1, true)).rejects.toThrow("a defect");
});

test("a pause that cannot be made ends it, and a look does not follow on a look", async () => {
  const sleep = async (): Promise<void> => Promise.reject(new RangeError("no such time"));
  const deps = { clock: { ...systemClock, sleep }, out: {} as never, signal: new AbortController().signal };
  let looks = 0;

  const look = async (): Promise<void> => {
    looks += 1;
    if (looks > 1) throw new TypeError("looked again");
  };

  const looking = lookEvery({ ...deps, look }, 1, true);

  await expect(looking).rejects.toThrow("no such time");
  expect(looks).toBe(1);
});

test("mends nothing on a schedule, and knows what a number of seconds is", { timeout: 60_000 }, async () => {
  const lake = await reconciledLake(["a"]);
  await rm(await lake.partFile("a", "gold"));

  const refused = await inProcess(["reconcile", "--every", "3600", "--repair", ...lake.args]);
  const wrong = await Promise.all(
    ["0", "-1", "1h", "2000001"].map(async (every) => inProcess(["reconcile", "--every", every, ...lake.args])),
  );

  expect([refused.code, ...wrong.map(({ code }) => code)]).toEqual([2, 2, 2, 2, 2]);
  expect(refused.stderr).toContain("Leave out --repair, or --every.");
  expect(wrong[0]?.stderr).toContain("from 1 to 2,000,000");
});
