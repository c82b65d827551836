import { appendFile, copyFile, mkdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";

import { type Account, airlake, json } from "../airlake.ts";
import { dayFile, line } from "../day-file.ts";
import { inProcess } from "../in-process.ts";
import { tempFolder } from "../temp-folder.ts";
import { lakeRows, recordCount } from "./lake-rows.ts";
import { startUp } from "./up-process.ts";

describe("up", { timeout: 90_000 }, () => {
  test("reads a file that is written slowly once and whole, and one that is renamed at once", async () => {
    const cwd = await tempFolder();
    const drop = join(cwd, "lake", "drop");
    const up = startUp(cwd);
    await up.ready();

    const lines = Array.from({ length: 60 }, (_, at) => line(at % 24, at));
    await writeFile(join(drop, "slow.csv"), dayFile([]));
    await writeFile(join(drop, "fast.csv.part"), dayFile([line(1)]));
    for (const one of lines) {
      await appendFile(join(drop, "slow.csv"), `${one}\n`);
      // The file is what the time passes for: it takes 3 s to be written.
      await wait(50);
    }
    const before = [...up.settled];
    await rename(join(drop, "fast.csv.part"), join(drop, "fast.csv"));
    await up.through(2);
    const code = await up.end("SIGTERM");

    expect(before).toEqual([]);
    expect(up.settled.map(({ key, outcome, read, kept }) => [key, outcome, read, kept])).toEqual([
      ["openaq/fast.csv", "done", 1, 1],
      ["openaq/slow.csv", "done", 60, 60],
    ]);
    expect(code).toBe(0);
    expect(await recordCount(join(cwd, "lake"))).toBe(61);
  });

  test("takes changes, and leaves the lake alone when a file is taken out of the drop folder", async () => {
    const cwd = await tempFolder();
    const lake = join(cwd, "lake");
    const inbox = join(cwd, "inbox");
    await mkdir(join(inbox, "openaq", "2018"), { recursive: true });
    await writeFile(join(inbox, "openaq", "2018", "a.csv"), dayFile([line(1)]));
    await writeFile(join(inbox, "b.csv"), dayFile([line(2)]));
    await writeFile(join(inbox, ".hidden.csv"), dayFile([line(3)]));
    await writeFile(join(inbox, "half.CSV.tmp"), dayFile([line(4)]));
    const up = startUp(cwd, ["--no-ports", "--drop", "inbox"]);
    await up.through(2);

    await mkdir(join(inbox, "week"));
    await writeFile(join(inbox, "week", "c.csv"), "no data at all");
    await writeFile(join(inbox, "b.csv"), dayFile([line(2), line(5), line(6)]));
    await rm(join(inbox, "openaq"), { recursive: true });
    await up.through(4);
    const sources = (
      json(await inProcess(["sources", "--json", "--lake", lake])) as { key: string; state: string }[]
    ).map(({ key, state }) => [key, state]);
    const code = await up.end("SIGINT");

    expect(sources).toEqual([
      ["openaq/2018/a.csv", "current"],
      ["openaq/b.csv", "current"],
      ["openaq/week/c.csv", "rejected"],
    ]);
    expect(up.settled.filter(({ key }) => key === "openaq/b.csv").map(({ read }) => read)).toEqual([1, 3]);
    expect(up.settled.find(({ key }) => key === "openaq/week/c.csv")).toMatchObject({
      outcome: "rejected",
      reason: "unrecognised-format",
    });
    expect(code).toBe(0);
    expect(await recordCount(lake)).toBe(4);
  });

  test("lets other verbs work beside it, and does not bring back what was removed", async () => {
    const cwd = await tempFolder();
    const lake = join(cwd, "lake");
    const drop = join(lake, "drop");
    await writeFile(join(cwd, "mine.csv"), dayFile([line(1), line(2)]));
    const first = startUp(cwd);
    await first.ready();
    await writeFile(join(drop, "a.csv"), dayFile([line(3)]));
    await writeFile(join(drop, "b.csv"), dayFile([line(4)]));
    await first.through(2);

    const ran = json(await airlake(["run", "mine.csv", "--json"], { cwd })) as Account;
    const asked = json(await inProcess(["query", "SELECT count(*) AS n FROM measurements", "--json", "--lake", lake]));
    const status = json(await inProcess(["status", "--json", "--lake", lake]));
    const removed = await inProcess(["rm", "openaq/a.csv", "--yes", "--lake", lake]);
    await first.end("SIGTERM");
    const second = startUp(cwd);
    await second.ready();
    // By hand, and told by nobody.
    await copyFile(join(cwd, "mine.csv"), join(lake, "raw", "openaq", "by-hand.csv"));
    await second.through(1);
    const [afterwards] = await lakeRows(lake, "SELECT list(key ORDER BY key) FROM sources WHERE state = 'current'");
    await utimes(join(drop, "a.csv"), new Date(), new Date());
    await second.through(2);

    expect(ran.totals).toEqual({ read: 2, kept: 2, quarantined: 0 });
    expect(asked).toEqual([{ n: 4 }]);
    expect(status).toMatchObject({ sources: { current: 3 } });
    expect(removed.code).toBe(0);
    expect(afterwards?.[0]).toEqual(["openaq/b.csv", "openaq/by-hand.csv", "openaq/mine.csv"]);
    expect(second.settled.map(({ key, outcome }) => [key, outcome])).toEqual([
      ["openaq/by-hand.csv", "done"],
      ["openaq/a.csv", "done"],
    ]);
    await second.end("SIGTERM");
    expect(await recordCount(lake)).toBe(6);
    expect(await readFile(join(drop, "a.csv"), "utf8")).toBe(dayFile([line(3)]));
  });

  test("tells in a line what it cannot begin with", async () => {
    const cwd = await tempFolder();
    const lake = ["--lake", join(cwd, "lake")];
    await writeFile(join(cwd, "file"), "");

    const onFile = await inProcess(["up", "--no-ports", "--drop", join(cwd, "file"), ...lake]);
    const inLake = await inProcess(["up", "--no-ports", "--drop", join(cwd, "lake", "raw"), ...lake]);
    const wrong = await inProcess(["up", "--port-base", "65533", ...lake]);

    expect([onFile.code, inLake.code, wrong.code]).toEqual([2, 2, 2]);
    expect(onFile.stderr).toContain("file cannot be the drop folder: a file is in the way");
    expect(inLake.stderr).toContain("raw belongs to the lake itself");
    expect(wrong.stderr).toContain("from 1 to 65532");
  });
});
