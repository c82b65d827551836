import { expect, test } from "vitest";

import { isTransient } from "../src/errors.ts";

test("a full disk may pass by itself, whoever tells it", () => {
  const byNode = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  const byDuckDb = new Error('IO Error: Could not write file "/scratch/gold-0.parquet": No space left on device');

  expect([byNode, byDuckDb].map(isTransient)).toEqual([true, true]);
  expect(isTransient(new Error("IO Error: Could not read the footer"))).toBe(false);
});
