import fc from "fast-check";
import { expect, test } from "vitest";

import {
  datasetOfKey,
  goldPartKey,
  manifestKey,
  partitionPath,
  partitionValues,
  sourceIdOf,
} from "../../src/contracts/keys.ts";

test("a source keeps its id when it is republished, and shares it with no other", () => {
  const id = sourceIdOf({ bucket: "raw", key: "openaq/a.csv" });

  expect(id).toBe("1710c0d1158d83006b228e257724143e");
  expect(sourceIdOf({ bucket: "raw2", key: "openaq/a.csv" })).not.toBe(id);
});

test.each([
  ["openaq/a.csv", "openaq"],
  ["openaq/day/a.csv", "openaq"],
  ["a.csv", undefined],
  ["/a.csv", undefined],
  ["openaq/", undefined],
])("the dataset of %s is %s", (key, dataset) => {
  expect(datasetOfKey(key)).toBe(dataset);
});

test("keys are laid out as the architecture says", () => {
  const part = { sourceId: "0".repeat(32), generation: 3, attempt: "abc" };

  expect(goldPartKey("openaq", "measurements", "country=BE/year=2018/month=02", part)).toBe(
    "openaq/measurements/country=BE/year=2018/month=02/00000000000000000000000000000000.3-abc.parquet",
  );
  expect(manifestKey("cleaner", "openaq", part.sourceId)).toBe(
    "manifests/cleaner/openaq/00000000000000000000000000000000.json",
  );
});

test("a partition's path is made of checked values only", () => {
  expect(partitionPath({ country: "BE", year: "2018", month: "02" })).toBe("country=BE/year=2018/month=02");
  for (const value of ["", "../x", "a/b", "a=b", "é", "a b", ".."]) {
    expect(() => partitionPath({ country: value })).toThrow("not a safe partition value");
  }
});

test("whatever the text, a partition's path has no more levels than it has values", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (value) => {
      try {
        expect(partitionValues(partitionPath({ country: value, year: "2018" }))).toEqual([value, "2018"]);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
  );
});
