import { expect, test } from "vitest";

import { createOut } from "../src/out.ts";
import { explain } from "../src/tell.ts";

function told(error: unknown): readonly string[] {
  const lines: string[] = [];
  const sink = { write: (text: string | Uint8Array) => lines.push(String(text).trimEnd()) > 0 };
  explain(createOut(sink, sink, { NO_COLOR: "1" }), error, false);
  return lines;
}

test("an answer that breaks off is no defect, and says what to do", () => {
  expect(told(Object.assign(new Error("aborted"), { code: "ECONNRESET" }))).toEqual([
    "airlake: broken off: aborted",
    expect.stringMatching(/^Give the same command again/),
  ]);
});

test("what nobody thought of is called a defect", () => {
  expect(told(new Error("no such thing"))).toEqual([
    "airlake: unexpected: no such thing",
    expect.stringMatching(/^This is a defect/),
  ]);
});
