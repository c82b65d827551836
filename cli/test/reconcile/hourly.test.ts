import { rm } from "node:fs/promises";

import { systemClock } from "@airlake/shared/clock";
import { expect, test } from "vitest";

import { openEmbedded } from "../../src/embedded.ts";
import { openLake } from "../../src/lake.ts";
import { reconcileHourly } from "../../src/up/reconcile-hourly.ts";
import { reconciledLake } from "./reconciled-lake.ts";

test("an hour after the start, and each hour, says what is off, and mends nothing", { timeout: 60_000 }, async () => {
  const lake = await reconciledLake(["a"]);
  const gold = await lake.partFile("a", "gold");
  const stop = new AbortController();
  const waits: number[] = [];
  const sleep = async (ms: number): Promise<void> => {
    waits.push(ms);
    if (waits.length === 2) await rm(gold);
    if (waits.length === 4) stop.abort();
  };
  await using opened = await openEmbedded(await openLake(lake.folder, "write"), { ...systemClock, sleep });
  const notes: (string | undefined)[] = [];

  await reconcileHourly(opened, { note: (text) => void notes.push(text) }, stop.signal);

  const off = `Something is off in the lake: 1 finding (missing-part 1). See: airlake reconcile --lake ${lake.folder}`;
  expect(notes).toEqual([off, off]);
  expect(waits.every((ms) => ms >= 3_600_000)).toBe(true);
});
