import { expect, test } from "vitest";

import { createBatches } from "../src/batches.ts";

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
