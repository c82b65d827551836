import { InvalidArgumentError } from "commander";
import { expect, test } from "vitest";

import { timeIn } from "../../src/dlq/filter.ts";
import { safeWord } from "../../src/dlq/plan.ts";

const now = new Date("2026-11-21T15:30:00Z");

test.each([
  ["90s", "2026-11-21T15:28:30.000Z"],
  ["2h", "2026-11-21T13:30:00.000Z"],
  ["3d", "2026-11-18T15:30:00.000Z"],
  ["2026-11-20", "2026-11-20T00:00:00.000Z"],
  ["2026-11-20T10:00", "2026-11-20T10:00:00.000Z"],
  ["2026-11-20T10:00+02:00", "2026-11-20T08:00:00.000Z"],
  ["2026-11-20T10:00:01.25Z", "2026-11-20T10:00:01.250Z"],
])("the time %s is %s", (text, instant) => {
  expect(timeIn(text, now)).toBe(instant);
});

test.each(["", "yesterday", "2w", "-2h", "2026-13-01", "2026-11-20 10:00", "1700000000"])("%j is no time", (text) => {
  expect(() => timeIn(text, now)).toThrow(InvalidArgumentError);
});

test.each([
  ["openaq/a.csv", "openaq/a.csv"],
  ["it's", String.raw`'it'\''s'`],
  ["\u001B[2J", String.raw`$'\u001b[2J'`],
  ["a'\n\\", String.raw`$'a\'\u000a\\'`],
])("the word %j is typed as %s", (text, word) => {
  expect(safeWord(text)).toBe(word);
});
