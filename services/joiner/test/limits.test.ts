import { expect, test } from "vitest";

import { messagesOf } from "../src/limits.ts";

const long = (at: number): string => `country=${String(at).padStart(89, "0")}`;

test("names as many partitions in a message as fit, and each of them once", () => {
  expect(long(1).length + 3).toBe(100);
  const all = Array.from({ length: 2001 }, (_, at) => long(at));

  expect(messagesOf(all.slice(1)).map((named) => named.length)).toEqual([2000]);
  const cut = messagesOf(all);

  expect(cut.map((named) => named.length)).toEqual([2000, 1]);
  expect(cut.flat()).toEqual(all);
  expect(JSON.stringify(cut[0]).length).toBeLessThanOrEqual(200_001);
});

test("sends one message also where no partition is named", () => {
  expect(messagesOf([])).toEqual([[]]);
});
