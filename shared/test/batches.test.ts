import { expect, test } from "vitest";

import { createBatches, createSlots } from "../src/batches.ts";

test("runs a job that comes alone at once, and what comes meanwhile together", async () => {
  const seen: number[][] = [];
  const batches = createBatches<number, number>(3, async (jobs) => {
    seen.push([...jobs]);
    await Promise.resolve();
    return jobs.map((job) => job * 10);
  });

  const results = await Promise.all([1, 2, 3, 4, 5, 6].map(async (job) => batches.add(job)));

  expect(results).toEqual([10, 20, 30, 40, 50, 60]);
  expect(seen).toEqual([[1], [2, 3, 4], [5, 6]]);
});

test("a job fails only by its own fault", async () => {
  const batches = createBatches<number, number>(10, async (jobs) => {
    if (jobs.includes(3)) throw new Error("three");
    return [...jobs];
  });

  const results = await Promise.allSettled([1, 2, 3, 4].map(async (job) => batches.add(job)));

  expect(results.map((result) => result.status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
});

test("goes on after a failure", async () => {
  const batches = createBatches<number, number>(1, async ([job = 0]) => {
    if (job === 1) throw new Error("one");
    return [job];
  });
  await expect(batches.add(1)).rejects.toThrow("one");

  expect(await batches.add(2)).toBe(2);
});

test("lets so many pieces of work run at once, the others in order, and gives a failed one's turn on", async () => {
  const takeTurn = createSlots(2);
  const begun: number[] = [];
  const latches = [0, 1, 2, 3].map(() => Promise.withResolvers<number>());
  const works = latches.map(async (latch, at) =>
    takeTurn(async () => {
      begun.push(at);
      return latch.promise;
    }),
  );

  await expect.poll(() => begun).toEqual([0, 1]);
  latches[1]?.reject(new Error("no good"));
  await expect(works[1]).rejects.toThrow("no good");

  await expect.poll(() => begun).toEqual([0, 1, 2]);
  for (const [at, latch] of latches.entries()) latch.resolve(at);
  expect(await Promise.all([works[0], works[2], works[3]])).toEqual([0, 2, 3]);
});
