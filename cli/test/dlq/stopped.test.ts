import { expect, test } from "vitest";

import { inProcess } from "../in-process.ts";
import { createDeadLake } from "./dead-lake.ts";

test.each([["replay"], ["discard", "--because", "x"]])(
  "Ctrl-C while the queues are looked through ends dlq %s with 130, and lets every message go",
  { timeout: 60_000 },
  async (...words) => {
    await using lake = await createDeadLake();
    await lake.reject("openaq/a.csv");

    const told = await inProcess(["dlq", ...words, "--lake", lake.shown], { stopped: true });

    expect(told).toMatchObject({ code: 130, stdout: "" });
    expect(told.stderr).toContain("Stopped while looking. Nothing was done.");
    expect(await lake.depth()).toEqual({ visible: 1, hidden: 0 });
  },
);
