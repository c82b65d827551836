import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";

import { verbs } from "../src/verbs.ts";
import { type Account, airlake, json } from "./airlake.ts";
import { dayFile, line } from "./day-file.ts";
import { inProcess } from "./in-process.ts";
import { tempFolder } from "./temp-folder.ts";

describe("help", () => {
  const every = [...verbs.map(({ name }) => name), "quarantine ls", "quarantine show", "quarantine export"];

  test.each(every)("of %s has examples and stays within 100 columns", async (name) => {
    const { code, stdout } = await inProcess([...name.split(" "), "--help"], { columns: 300 });

    expect(code).toBe(0);
    expect(stdout).toContain("Examples:");
    expect(stdout).toContain("--lake <dir>");
    expect(stdout.split("\n").filter((text) => text.length > 100)).toEqual([]);
  });

  test("lists every verb with what it is for, also as `help`, and alone as a hint", async () => {
    const asked = await inProcess(["--help"]);
    const alone = await inProcess([]);
    const ofOne = await inProcess(["help", "rm"]);

    for (const { name, summary } of verbs) {
      expect(asked.stdout).toContain(name);
      // A long one goes on in the next line.
      expect(asked.stdout.replaceAll(/\s+/g, " ")).toContain(summary);
    }
    expect(alone).toMatchObject({ code: 2, stdout: "" });
    expect(alone.stderr).toBe(asked.stdout);
    expect(ofOne.stdout).toContain("Usage: airlake rm");
  });
});

test("a lake that may only be read is refused in a sentence, and can still be asked in SQL", async () => {
  const folder = await tempFolder();
  const lake = join(folder, "lake");
  await writeFile(join(folder, "a.csv"), dayFile([line(1)]));
  await inProcess(["run", join(folder, "a.csv"), "--lake", lake]);
  await chmod(folder, 0o755);
  for (const name of ["", ...(await readdir(lake, { recursive: true }))]) {
    const path = join(lake, name);
    await chmod(path, (await stat(path)).isDirectory() ? 0o555 : 0o444);
  }
  onTestFinished(async () => {
    for (const name of ["", ...(await readdir(lake, { recursive: true }))]) await chmod(join(lake, name), 0o755);
  });
  // Root may write everywhere.
  const who = process.getuid?.() === 0 ? { uid: 65534 } : {};

  const sources = await airlake(["sources", "--lake", lake], who);
  const query = await airlake(["query", "SELECT count(*) AS n FROM measurements", "--json", "--lake", lake], who);

  expect(sources).toMatchObject({ code: 2, stdout: "" });
  expect(sources.stderr).toContain(`The lake ${lake} cannot be written`);
  expect(json(query)).toEqual([{ n: 1 }]);
});

describe("of a lake that is there", () => {
  let cwd = "";
  let lake: readonly string[] = [];

  beforeAll(async () => {
    cwd = await mkdtemp(join(tmpdir(), "airlake-cli-verbs-"));
    lake = ["--lake", join(cwd, "lake")];
    await mkdir(join(cwd, "day"));
    await writeFile(join(cwd, "day", "a.csv"), dayFile([line(1), line(2, "abc"), line(3, "-999"), line(4, "-999")]));
    await writeFile(join(cwd, "day", "b ü.csv"), dayFile([line(5), line(6, "x,y")]));
    await writeFile(join(cwd, "day", "notes.txt"), "dear diary");
    const ran = await airlake(["run", "day"], { cwd });
    expect(ran).toMatchObject({ code: 1 });
  }, 100_000);
  afterAll(async () => rm(cwd, { recursive: true, force: true }));

  test("sources are listed with state and counts", async () => {
    const listed = await inProcess(["sources", ...lake, "--json"]);
    const shown = await inProcess(["sources", ...lake], { columns: 70 });

    expect(json(listed)).toMatchObject([
      { key: "openaq/day/a.csv", state: "current", read: 4, kept: 1, quarantined: 3, partitions: 1 },
      { key: "openaq/day/b ü.csv", state: "current", read: 2, kept: 1, quarantined: 1 },
      { key: "openaq/day/notes.txt", state: "rejected", reason: "unrecognised-format", read: 0 },
    ]);
    expect(shown.stdout).toMatch(/^in openaq\/day\//);
    expect(shown.stdout.split("\n").filter((text) => text.length > 70)).toEqual([]);
  });

  test("status tells sources, records and queues", async () => {
    const status = await inProcess(["status", ...lake, "--json"]);
    const shown = await inProcess(["status", ...lake]);

    expect(json(status)).toMatchObject({
      sources: { current: 2, rejected: 1, stale: 0, retracted: 0, new: 0 },
      records: { read: 6, kept: 2, quarantined: 4 },
      queues: [
        { queue: "ingest", waiting: 0, inHand: 0, parked: 0 },
        { queue: "clean", waiting: 0, inHand: 0, parked: 1 },
        { queue: "join", waiting: 0, inHand: 0, parked: 0 },
        { queue: "catalog", waiting: 0, inHand: 0, parked: 0 },
      ],
    });
    expect(shown.stdout).toContain("6 read = 2 kept + 4 quarantined");
  });

  test("quarantine is counted by reason and source", async () => {
    const counted = await inProcess(["quarantine", "ls", ...lake, "--json"]);

    expect(json(counted)).toEqual({
      quarantined: 4,
      reasons: { "sentinel-value": 2, "bad-value": 1, "malformed-record": 1 },
      sources: [
        { key: "openaq/day/a.csv", quarantined: 3, reasons: { "bad-value": 1, "sentinel-value": 2 } },
        { key: "openaq/day/b ü.csv", quarantined: 1, reasons: { "malformed-record": 1 } },
      ],
    });
  });

  test("quarantined records are shown as they were delivered, by number and by reason", async () => {
    const all = await inProcess(["quarantine", "show", "openaq/day/a.csv", ...lake]);
    const one = await inProcess(["quarantine", "show", "openaq/day/a.csv", "--record", "2", ...lake, "--json"]);
    const sentinels = await inProcess([
      "quarantine",
      "show",
      "openaq/day/a.csv",
      "--reason",
      "sentinel-value",
      "--limit",
      "1",
      ...lake,
      "--json",
    ]);

    expect(all.stdout).toContain("record 2: bad-value");
    expect(all.stdout).toMatch(/\n {2}value +abc\n/);
    expect(all.stdout).toContain(join(cwd, "lake", "raw", "openaq", "day", "a.csv"));
    expect(json(one)).toMatchObject([
      { key: "openaq/day/a.csv", record: 2, reason: "bad-value", reasons: ["bad-value"] },
    ]);
    expect(json(sentinels)).toMatchObject([{ record: 3 }]);
  });

  test("quarantine is exported whole as CSV, Parquet, or to standard output", async () => {
    const folder = await tempFolder();
    const csv = join(folder, "q.csv");
    const parquet = join(folder, "q.parquet");

    const written = await inProcess(["quarantine", "export", csv, ...lake]);
    await inProcess(["quarantine", "export", parquet, ...lake]);
    const piped = await inProcess(["quarantine", "export", "-", ...lake]);

    const text = await readFile(csv, "utf8");
    expect(written.stdout).toBe(`4 records of 2 sources written to ${csv}\n`);
    expect(text.split("\n")[0]).toBe("key,record,format,reason,reasons,original");
    expect(text.trim().split("\n")).toHaveLength(5);
    expect(text).toContain("openaq/day/b ü.csv,2,openaq-legacy-csv,malformed-record");
    expect(piped.stdout).toBe(text);
    expect((await readFile(parquet)).subarray(0, 4).toString()).toBe("PAR1");
    expect((await readdir(folder)).toSorted()).toEqual(["q.csv", "q.parquet"]);
  });

  test("a file that is there is not overwritten by an export unless that is wished for", async () => {
    const file = join(await tempFolder(), "mine.csv");
    await writeFile(file, "precious");

    const refused = await inProcess(["quarantine", "export", file, ...lake]);
    const kept = await readFile(file, "utf8");
    const forced = await inProcess(["quarantine", "export", file, "--force", ...lake]);

    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("is there already.");
    expect(kept).toBe("precious");
    expect(forced.code).toBe(0);
    expect(await readFile(file, "utf8")).toContain("key,record,format");
  });

  test("a query whose reader has enough leaves nothing behind", async () => {
    const TMPDIR = await tempFolder();
    const many = "SELECT repeat('x', 1000) AS x FROM range(200000)";

    const { code } = await airlake(["query", many, "--csv", ...lake], { enough: true, env: { TMPDIR } });

    expect(code).toBe(0);
    expect(await readdir(TMPDIR)).toEqual([]);
  });

  test("what is to be typed next names the lake", async () => {
    const counted = await inProcess(["quarantine", "ls", ...lake]);
    const unknown = await inProcess(["quarantine", "show", "nothing/like/it", ...lake]);

    expect(counted.stdout).toContain(`airlake quarantine show openaq/day/a.csv ${lake.join(" ")}`);
    expect(unknown.stderr).toContain(`airlake sources ${lake.join(" ")}`);
  });

  test("a key or a file that cannot be is told, with what may have been meant", async () => {
    const key = await inProcess(["quarantine", "show", "a.csv", ...lake]);
    const ending = await inProcess(["quarantine", "export", "q.xlsx", ...lake]);
    const folder = await inProcess(["quarantine", "export", join(cwd, "nowhere", "q.csv"), ...lake]);

    expect([key.code, ending.code, folder.code]).toEqual([2, 2, 2]);
    expect(key.stderr).toContain("Did you mean openaq/day/a.csv?");
    expect(ending.stderr).toContain("neither .csv nor .parquet");
    expect(folder.stderr).toContain("its folder is not there");
  });

  test("a question is answered as a table, JSON or CSV, also from standard input", async () => {
    const sql = "SELECT country_name, value FROM measurements ORDER BY value";

    const table = await inProcess(["query", sql, ...lake]);
    const rows = await inProcess(["query", "-", ...lake, "--json"], { stdin: sql });
    const csv = await inProcess(["query", sql, ...lake, "--csv"]);
    const both = await inProcess(["query", sql, ...lake, "--csv", "--json"]);

    expect(table.stdout).toContain("country_name  value\nBelgium          11\nBelgium          15\n");
    expect(json(rows)).toEqual([
      { country_name: "Belgium", value: 11 },
      { country_name: "Belgium", value: 15 },
    ]);
    expect(csv.stdout.split(/\r?\n/)).toEqual(["country_name,value", "Belgium,11", "Belgium,15", ""]);
    expect(both.code).toBe(2);
  });

  test("a question that is wrong is told without the engine's inside", async () => {
    const wrong = await inProcess(["query", "SELECT nothing FROM measurement", ...lake]);

    expect(wrong.code).toBe(2);
    expect(wrong.stdout).toBe("");
    expect(wrong.stderr).toContain("measurements");
    expect(wrong.stderr).not.toMatch(/\n\s+at /);
  });

  test("a reader that has had enough is no fault", async () => {
    const { code, stderr } = await airlake(["query", "SELECT * FROM range(3000000)", "--csv", ...lake], {
      enough: true,
    });

    expect([code, stderr]).toEqual([0, ""]);
  });
});

// A child process is a second or two; on a busy machine it is ten.
const patient = { timeout: 120_000 };

describe("ingest", patient, () => {
  test("brings a file in by its address, again without a change, and tells of one that is not there", async () => {
    const cwd = await tempFolder();
    const server = createServer((request, response) => {
      if (request.url?.startsWith("/day%201.csv") === true) response.end(dayFile([line(1), line(2, "abc")]));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

    const first = await airlake(["ingest", `${base}/day%201.csv?x=1`, "--json"], { cwd });
    const again = await airlake(["ingest", `${base}/day%201.csv?x=1`, "--json"], { cwd });
    const missing = await airlake(["ingest", `${base}/gone.csv`, "--key", "openaq/day 1.csv", "--json"], { cwd });

    expect(first.code).toBe(0);
    expect((json(first) as Account).sources).toMatchObject([
      { key: "openaq/day 1.csv", outcome: "done", read: 2, kept: 1 },
    ]);
    expect(again.code).toBe(0);
    expect((json(again) as Account).sources).toMatchObject([{ outcome: "unchanged", read: 2 }]);
    expect(missing.code).toBe(1);
    expect((json(missing) as Account).sources).toMatchObject([{ outcome: "rejected", reason: "source-not-found" }]);
  });

  test("takes no address that cannot be fetched", async () => {
    const lake = ["--lake", join(await tempFolder(), "lake")];

    const word = await inProcess(["ingest", "day.csv", ...lake]);
    const nameless = await inProcess(["ingest", "https://example.org/", ...lake]);
    const blank = await inProcess(["ingest", "https://example.org/a b.csv", ...lake]);

    expect([word.code, nameless.code, blank.code]).toEqual([2, 2, 2]);
    expect(word.stderr).toContain("airlake run FILE");
    expect(nameless.stderr).toContain("--key");
  });

  test.each(["openaq/../ops/a.csv", "/openaq/a.csv", "openaq//a.csv", "a.csv", "openaq/."])(
    "takes no key that leads elsewhere, and makes no lake for it: %s",
    async (key) => {
      const lake = join(await tempFolder(), "lake");

      const told = await inProcess(["ingest", "https://example.org/a.csv", "--key", key, "--lake", lake]);

      expect(told.code).toBe(2);
      expect(told.stderr).toContain("as in --key openaq/2018/day.csv");
      expect(existsSync(lake)).toBe(false);
    },
  );
});

describe("the sample and the demo", patient, () => {
  test("a sample says what is in it, and refuses options that it cannot take", async () => {
    const folder = join(await tempFolder(), "s");

    const made = await inProcess(["sample", folder, "--records", "300", "--seed", "4", "--json"]);
    const tooFew = await inProcess(["sample", folder, "--records", "3"]);
    const noDay = await inProcess(["sample", folder, "--date", "yesterday"]);

    expect(json(made)).toMatchObject({ folder, badFiles: 0 });
    expect([tooFew.code, noDay.code]).toEqual([2, 2]);
    expect(tooFew.stderr).not.toMatch(/unexpected|\n\s+at /);
  });

  test("the demo shows the whole of it, and says unchanged the second time", async () => {
    const cwd = await tempFolder();

    const first = await airlake(["demo"], { cwd });
    const second = await airlake(["demo"], { cwd });

    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/12 sources \(12 done\): 20,000 read = [\d,]+ kept \+ [\d,]+ quarantined/);
    expect(first.stdout).toMatch(/country_name +measurements +mean_pm25 +unit\n\S.*µg\/m³\n/);
    expect(first.stdout).toContain("What to type next:");
    expect(first.stdout).toContain("npx airlake query");
    expect(second.code).toBe(0);
    expect(second.stdout).toContain("12 sources (12 unchanged)");
    expect((await readdir(cwd)).toSorted()).toEqual(["lake", "sample", "sample.truth.json"]);
  });
});
