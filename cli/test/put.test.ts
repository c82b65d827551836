import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";

import { json } from "./airlake.ts";
import { dayFile, line } from "./day-file.ts";
import { inProcess } from "./in-process.ts";
import { tempFolder } from "./temp-folder.ts";

test("puts files into a lake in a folder, where the next run takes them", async () => {
  const folder = await tempFolder();
  const lake = ["--lake", join(folder, "lake")];
  await mkdir(join(folder, "day"));
  await writeFile(join(folder, "first.csv"), dayFile([line(1)]));
  await writeFile(join(folder, "day", "later.csv"), dayFile([line(2), line(3)]));
  const missing = await inProcess(["put", join(folder, "day"), ...lake]);
  await inProcess(["run", join(folder, "first.csv"), ...lake]);

  const put = await inProcess(["put", join(folder, "day"), "--prefix", "openaq/2018", ...lake]);
  const waiting = await inProcess(["sources", ...lake, "--json"]);
  await inProcess(["reprocess", ...lake]);
  const sources = await inProcess(["sources", ...lake, "--json"]);

  expect(missing).toMatchObject({ code: 2, stdout: "" });
  expect(missing.stderr).toContain("There is no lake at");
  expect(put.code).toBe(0);
  expect(put.stdout).toContain("openaq/2018/day/later.csv");
  expect(put.stdout).toContain(`airlake run ${lake.join(" ")}`);
  expect(json(waiting)).toMatchObject([{ key: "openaq/first.csv" }]);
  expect(json(sources)).toMatchObject([{ key: "openaq/2018/day/later.csv", kept: 2 }, { key: "openaq/first.csv" }]);
});

test("says at once that nobody works on the lake, then what is not through in time, and ends with 1", async () => {
  vi.stubEnv("AIRLAKE_HEALTH", "cleaner=127.0.0.1:1");
  onTestFinished(() => void vi.unstubAllEnvs());
  const folder = await tempFolder();
  const lake = ["--lake", join(folder, "lake")];
  await writeFile(join(folder, "a.csv"), dayFile([line(1)]));
  await writeFile(join(folder, "b.csv"), dayFile([line(2)]));
  await inProcess(["run", join(folder, "a.csv"), ...lake]);

  const put = await inProcess([
    "put",
    join(folder, "a.csv"),
    join(folder, "b.csv"),
    "--wait",
    "--timeout",
    "1",
    ...lake,
  ]);

  expect(put.code).toBe(1);
  expect(put.stdout).toMatch(/2 sources \(1 unchanged, 1 rejected\)/u);
  expect(put.stdout).toContain("the cleaner did not get to it");
  expect(put.stderr).toContain(
    `Nobody seems to work on this lake: no service answers. Start them with airlake up ${lake.join(" ")}`,
  );
  expect(put.stderr).toContain(`1 source not through after 1.0 s. Whether the services are at work: airlake status`);
});
