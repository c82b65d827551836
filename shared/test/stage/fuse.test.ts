import { expect, test } from "vitest";

import { systemClock } from "../../src/clock.ts";
import { askFuse } from "../../src/stage/fuse.ts";
import { createTestLake } from "../../src/testing/embedded-lake.ts";

test("counts those that it lets by among the sources that were there, also where several are asked for in one go", async () => {
  await using lake = await createTestLake();
  const place = { s3: lake.s3, opsBucket: "ops", clock: systemClock };
  const ask = { settings: { sharePercent: 20, minimum: 3 }, countSources: async () => 0 };

  const one = await askFuse(place, "openaq", { ...ask, retractions: 1 });
  const four = await askFuse(place, "openaq", { ...ask, retractions: 4 });

  expect([one.granted, four.granted]).toEqual([1, 2]);
  expect(four.fuse.blown).toMatchObject({ retractions: 3, sources: 3 });
});
