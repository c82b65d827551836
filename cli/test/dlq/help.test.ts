import { expect, test } from "vitest";

import { inProcess } from "../in-process.ts";

const verbs = ["ls", "show", "replay", "discard", "export", "status"];

test.each(verbs)("help of dlq %s has examples and stays within 100 columns", async (name) => {
  const { code, stdout } = await inProcess(["dlq", name, "--help"], { columns: 300 });

  expect(code).toBe(0);
  expect(stdout).toContain("Examples:");
  expect(stdout.split("\n").filter((text) => text.length > 100)).toEqual([]);
});
