import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { createWarningLog } from "../src/warning-log.ts";

test("keeps the newest warnings, and no more than two files of them", async () => {
  await using closing = new AsyncDisposableStack();
  const folder = closing.adopt(await mkdtemp(join(tmpdir(), "warning-log-")), async (path) =>
    rm(path, { recursive: true }),
  );
  const file = join(folder, "log.ndjson");
  const warn = createWarningLog(file, 12);

  for (const line of ["one\n", "two\n", "three\n", "four\n", "five\n", "six\n"]) warn(line);

  expect((await readdir(folder)).toSorted()).toEqual(["log.ndjson", "log.ndjson.old"]);
  expect(await readFile(`${file}.old`, "utf8")).toBe("three\nfour\n");
  expect(await readFile(file, "utf8")).toBe("five\nsix\n");
});
