import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { appendFile, chmod, cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";

import { type Account, type Ran, airlake, json, start } from "./airlake.ts";
import { dayFile, line } from "./day-file.ts";
import { inProcess } from "./in-process.ts";
import { tempFolder } from "./temp-folder.ts";

async function runJson(cwd: string, args: readonly string[]): Promise<Account & { readonly code: number | null }> {
  const ran = await airlake(["run", ...args, "--json"], { cwd });
  return { ...(json(ran) as Account), code: ran.code };
}

/** What the lake shows, by the ledger. */
async function sources(cwd: string): Promise<readonly { key: string; state: string; stale: boolean; kept: number }[]> {
  return json(await airlake(["sources", "--json"], { cwd })) as never;
}

const isRoot = process.getuid?.() === 0;

/** No stack, no more than three lines. */
function expectPlain(ran: Ran): void {
  expect(ran.stderr).not.toMatch(/\n\s+at /);
  expect(ran.stderr.trim().split("\n").length).toBeLessThanOrEqual(3);
}

// A child process is a second or two; on a busy machine it is ten.
const patient = { timeout: 120_000 };

describe("run", patient, () => {
  test("gives the whole account as one JSON object, and says unchanged the second time", async () => {
    const cwd = await tempFolder();
    await mkdir(join(cwd, "day"));
    await writeFile(
      join(cwd, "day", "b.csv"),
      dayFile([line(1), line(2), line(3, "-999"), line(4, "abc"), line(5, "-2")]),
    );
    await writeFile(join(cwd, "day", "a.csv.gz"), gzipSync(dayFile([line(7)])));
    await writeFile(join(cwd, "day", ".DS_Store"), "junk");

    const first = await airlake(["run", "day", "--json"], { cwd });
    const second = await runJson(cwd, ["day"]);

    expect(first.code).toBe(0);
    expect(first.stdout.trim()).not.toContain("\n");
    expect(first.stderr).toContain("left out (hidden): day/.DS_Store");
    const { seconds, ...account } = json(first) as Account;
    expect(seconds).toBeGreaterThan(0);
    expect(account).toEqual({
      sources: [
        {
          key: "openaq/day/a.csv.gz",
          format: "openaq-legacy-csv",
          outcome: "done",
          read: 1,
          kept: 1,
          quarantined: 0,
          reasons: {},
          flags: {},
          partitions: 1,
        },
        {
          key: "openaq/day/b.csv",
          format: "openaq-legacy-csv",
          outcome: "done",
          read: 5,
          kept: 3,
          quarantined: 2,
          reasons: { "sentinel-value": 1, "bad-value": 1 },
          flags: { "negative-noise": 1 },
          partitions: 1,
        },
      ],
      totals: { read: 6, kept: 4, quarantined: 2 },
    });
    expect(second.code).toBe(0);
    expect(second.sources.map(({ outcome, read }) => [outcome, read])).toEqual([
      ["unchanged", 1],
      ["unchanged", 5],
    ]);
    expect(second.totals).toEqual(account.totals);
  });

  test("does again what has changed: more records, fewer, none but the header", async () => {
    const cwd = await tempFolder();
    const file = join(cwd, "a.csv");
    const versions = [[line(1), line(2)], [line(1), line(2), line(3)], [line(3)], []];

    const seen: unknown[] = [];
    for (const lines of versions) {
      await writeFile(file, dayFile(lines));
      const { code, sources: done } = await runJson(cwd, ["a.csv"]);
      seen.push([code, ...done.map(({ outcome, read, kept, partitions }) => [outcome, read, kept, partitions])]);
    }

    expect(seen).toEqual([
      [0, ["done", 2, 2, 1]],
      [0, ["done", 3, 3, 1]],
      [0, ["done", 1, 1, 1]],
      [0, ["done", 0, 0, 0]],
    ]);
  });

  test("does all again, once, when a dataset's definition has changed", async () => {
    const cwd = await tempFolder();
    const datasets = join(cwd, "datasets");
    await cp(new URL("../../datasets", import.meta.url), datasets, { recursive: true });
    await writeFile(join(cwd, "a.csv"), dayFile([line(1)]));
    const outcome = async (): Promise<string | undefined> => {
      const ran = await airlake(["run", "a.csv", "--json"], { cwd, env: { DATASETS_FOLDER: datasets } });
      return (json(ran) as Account).sources[0]?.outcome;
    };

    const before = [await outcome(), await outcome()];
    await appendFile(join(datasets, "openaq", "rules-1.sql"), "\n-- another word\n");
    const after = [await outcome(), await outcome()];

    expect([...before, ...after]).toEqual(["done", "unchanged", "done", "unchanged"]);
  });

  test("rejects what is no good with a sentence, does the rest, and keeps the last good version as stale", async () => {
    const cwd = await tempFolder();
    const good = gzipSync(dayFile([line(1), line(2)]));
    await writeFile(join(cwd, "later-bad.csv.gz"), good);
    await writeFile(join(cwd, "fine.csv"), dayFile([line(3)]));
    await runJson(cwd, ["later-bad.csv.gz", "fine.csv"]);
    await writeFile(join(cwd, "later-bad.csv.gz"), good.subarray(0, good.length - 12));
    await writeFile(join(cwd, "notes.txt"), "dear diary\n");
    await writeFile(join(cwd, "empty.csv"), "");
    const paths = ["later-bad.csv.gz", "fine.csv", "notes.txt", "empty.csv"];

    const again = await runJson(cwd, paths);
    const shown = await airlake(["run", ...paths], { cwd });

    expect(again.code).toBe(1);
    expect(again.sources.map(({ key, outcome, reason, read }) => [key, outcome, reason, read])).toEqual([
      ["openaq/empty.csv", "rejected", "empty-file", 0],
      ["openaq/fine.csv", "unchanged", undefined, 1],
      ["openaq/later-bad.csv.gz", "rejected", "truncated-gzip", 0],
      ["openaq/notes.txt", "rejected", "unrecognised-format", 0],
    ]);
    expect(shown.code).toBe(1);
    expect(shown.stdout).toContain("stale: the lake still shows the 2 records of its last good version");
    expect(shown.stdout).toMatch(
      /rejected openaq\/notes\.txt \(unrecognised-format\)\n {2}The file begins "dear diary"/,
    );
    expect(await sources(cwd)).toMatchObject([
      { key: "openaq/empty.csv", state: "rejected", stale: false },
      { key: "openaq/fine.csv", state: "current", stale: false },
      { key: "openaq/later-bad.csv.gz", state: "rejected", stale: true, kept: 2 },
      { key: "openaq/notes.txt", state: "rejected", stale: false },
    ]);
  });

  test("parks files of a dataset that nobody knows", async () => {
    const cwd = await tempFolder();
    await writeFile(join(cwd, "a.csv"), dayFile([line(1)]));

    const account = await runJson(cwd, ["a.csv", "--dataset", "rivers"]);

    expect(account.code).toBe(1);
    expect(account.sources).toMatchObject([
      { key: "rivers/a.csv", outcome: "rejected", reason: "unknown-dataset", read: 0 },
    ]);
  });

  test("is stopped by Ctrl-C with 130, and the next run goes on", async () => {
    const cwd = await tempFolder();
    await mkdir(join(cwd, "many"));
    for (let at = 0; at < 60; at += 1) await writeFile(join(cwd, "many", `${at}.csv`), dayFile([line(at % 24, at)]));
    const running = start(["run", "many"], { cwd });
    const manifests = join(cwd, "lake", "ops", "manifests", "cleaner", "openaq");
    await expect
      .poll(async () => (existsSync(manifests) ? (await readdir(manifests)).length : 0), { timeout: 60_000 })
      .toBeGreaterThan(2);

    running.child.kill("SIGINT");
    const stopped = await running.ended;
    const after = await runJson(cwd, ["many"]);

    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toContain("goes on where it stopped");
    expect(stopped.stdout).toBe("");
    expect(after.code).toBe(0);
    expect(after.totals).toEqual({ read: 60, kept: 60, quarantined: 0 });
    expect(json(await airlake(["status", "--json"], { cwd }))).toMatchObject({
      sources: { current: 60 },
      queues: [{}, { waiting: 0, inHand: 0 }, {}, {}],
    });
  });

  test("that was killed without a word is made good by the next one", async () => {
    const cwd = await tempFolder();
    await mkdir(join(cwd, "many"));
    for (let at = 0; at < 20; at += 1) await writeFile(join(cwd, "many", `${at}.csv`), dayFile([line(at, at)]));
    const running = start(["run", "many"], { cwd });
    const silver = join(cwd, "lake", "silver", "openaq", "clean");
    await expect
      .poll(async () => (existsSync(silver) ? (await readdir(silver)).length : 0), { timeout: 60_000 })
      .toBeGreaterThan(1);

    running.child.kill("SIGKILL");
    await running.ended;
    const after = await runJson(cwd, ["many"]);

    expect(after.code).toBe(0);
    expect(after.totals).toEqual({ read: 20, kept: 20, quarantined: 0 });
  });
});

describe("rm", patient, () => {
  test("takes a source and its records out, and it can be brought in again", async () => {
    const cwd = await tempFolder();
    await writeFile(join(cwd, "a.csv"), dayFile([line(1), line(2)]));
    await writeFile(join(cwd, "b.csv"), dayFile([line(3)]));
    await runJson(cwd, ["a.csv", "b.csv"]);

    const removed = await airlake(["rm", "openaq/a.csv", "--yes"], { cwd });
    const left = await sources(cwd);
    const isRawThere = existsSync(join(cwd, "lake", "raw", "openaq", "a.csv"));
    const back = await runJson(cwd, ["a.csv"]);

    expect(removed).toMatchObject({ code: 0, stdout: "removed openaq/a.csv: 2 records went with it\n" });
    expect(left).toMatchObject([{ key: "openaq/b.csv", state: "current" }]);
    expect(isRawThere).toBe(false);
    expect(back.sources).toMatchObject([{ outcome: "done", read: 2, kept: 2 }]);
  });

  test("asks on a terminal only; without one it wants --yes, and it names what was meant", async () => {
    const cwd = await tempFolder();
    await writeFile(join(cwd, "day.csv"), dayFile([line(1)]));
    await runJson(cwd, ["day.csv"]);

    const lake = ["--lake", join(cwd, "lake")];
    const unasked = await inProcess(["rm", "openaq/day.csv", ...lake]);
    const near = await inProcess(["rm", "day.csv", "openaq/day.csv", "--yes", ...lake]);
    const refused = await inProcess(["rm", "openaq/day.csv", ...lake], { answer: "no" });

    expect(unasked.code).toBe(2);
    expect(unasked.stderr).toContain("Add --yes");
    expect(near.code).toBe(2);
    expect(near.stderr).toContain("Did you mean openaq/day.csv?");
    expectPlain(near);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("Remove 1 source with 1 record from the lake? [y/N]");
    expect(await sources(cwd)).toHaveLength(1);
  });
});

describe("what cannot run", patient, () => {
  test("is told in a sentence with 2, and leaves nothing behind", async () => {
    const cwd = await tempFolder();
    const at = (path: string): string => join(cwd, path);
    await mkdir(at("one"));
    await mkdir(at("two"));
    await writeFile(at("one/a.csv"), dayFile([line(1)]));
    await writeFile(at("two/a.csv"), dayFile([line(2)]));
    const lake = ["--lake", at("lake")];

    const gone = await airlake(["run", "one/a.csv", "nowhere.csv"], { cwd });
    const twice = await inProcess(["run", at("one/a.csv"), at("two/a.csv"), ...lake]);
    const option = await inProcess(["run", at("one"), "--datasett", "x", ...lake]);
    const verb = await inProcess(["rnu", at("one"), ...lake]);
    const nothing = await inProcess(["run", ...lake]);
    const noLake = await inProcess(["sources", ...lake]);
    const number = await inProcess(["sample", at("s"), "--records", "many"]);

    const told = [gone, twice, option, verb, nothing, noLake, number];
    expect(told.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2, 2, 2]);
    expect(gone.stderr).toContain("nowhere.csv is not there");
    expect(twice.stderr).toContain(`Two files would become openaq/a.csv: ${at("one/a.csv")} and ${at("two/a.csv")}`);
    expect(option.stderr).toContain("Did you mean --dataset?");
    expect(verb.stderr).toContain("Did you mean run?");
    expect(noLake.stderr).toContain("There is no lake at");
    for (const ran of told) expectPlain(ran);
    expect((await readdir(cwd)).toSorted()).toEqual(["one", "two"]);
  });

  test("keeps away from a lake of another version, from other folders and from files", async () => {
    const cwd = await tempFolder();
    const file = join(cwd, "a.csv");
    await writeFile(file, dayFile([line(1)]));
    await mkdir(join(cwd, "newer"));
    await writeFile(join(cwd, "newer", "airlake.json"), `{"contract":"lake/2"}`);
    await mkdir(join(cwd, "mine"));
    await writeFile(join(cwd, "mine", "letter.txt"), "dear");

    const newer = await inProcess(["run", file, "--lake", join(cwd, "newer")]);
    const mine = await inProcess(["run", file, "--lake", join(cwd, "mine")]);
    const onFile = await inProcess(["run", file, "--lake", join(cwd, "newer", "airlake.json")]);

    expect([newer.code, mine.code, onFile.code]).toEqual([2, 2, 2]);
    expect(newer.stderr).toContain("lake/2");
    expect(mine.stderr).toContain("is no lake, but holds other files (letter.txt)");
    expect(onFile.stderr).toContain("is a file, and a lake is a folder");
    expect(await readdir(join(cwd, "newer"))).toEqual(["airlake.json"]);
    expect(await readdir(join(cwd, "mine"))).toEqual(["letter.txt"]);
    for (const ran of [newer, mine, onFile]) expectPlain(ran);
  });

  test("is a lake that cannot be written, new or old, or a file that cannot be read", async () => {
    const cwd = await tempFolder();
    await chmod(cwd, 0o755);
    await writeFile(join(cwd, "a.csv"), dayFile([line(1)]));
    await mkdir(join(cwd, "old"));
    await writeFile(join(cwd, "old", "airlake.json"), `{"contract":"lake/1"}`);
    // Root may write everywhere, so it runs the command as nobody.
    const settings = isRoot ? { cwd, uid: 65534 } : { cwd };
    await writeFile(join(cwd, "secret.csv"), dayFile([line(2)]), { mode: 0 });
    if (!isRoot) for (const folder of [cwd, join(cwd, "old")]) await chmod(folder, 0o555);

    const secret = await airlake(["run", "a.csv", "secret.csv", "--lake", "new"], settings);
    const fresh = await airlake(["run", "a.csv", "--lake", "new"], settings);
    const old = await airlake(["run", "a.csv", "--lake", "old"], settings);
    await chmod(cwd, 0o755);

    expect([secret.code, fresh.code, old.code]).toEqual([2, 2, 2]);
    expect(secret.stderr).toContain("secret.csv cannot be read: permission is denied");
    expect(fresh.stderr).toContain("cannot be made");
    expect(old.stderr).toContain("cannot be written");
    for (const ran of [secret, fresh, old]) expectPlain(ran);
    expect((await readdir(cwd)).toSorted()).toEqual(["a.csv", "old", "secret.csv"]);
    expect(await readdir(join(cwd, "old"))).toEqual(["airlake.json"]);
  });

  test.skipIf(!isRoot || process.platform !== "linux")(
    "is a disk that fills up on the way; with room again the run goes on (needs root and Linux, for a small disk)",
    async ({ skip }) => {
      const cwd = await tempFolder();
      const disk = join(cwd, "disk");
      await mkdir(disk);
      const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]).status === 0;
      if (!mounted) skip("no file system can be mounted here");
      onTestFinished(() => void spawnSync("umount", [disk]));
      await writeFile(join(cwd, "small.csv"), dayFile([line(1)]));
      // Compressed it has room, taken apart it has none: each record is another one that nothing can pack.
      const records = Array.from({ length: 24 * 800 }, (_, at) =>
        line(at % 24, `${at}.${createHash("md5").update(`${at}`).digest("hex").replaceAll(/\D/g, "")}`),
      );
      await writeFile(join(cwd, "big.csv.gz"), gzipSync(dayFile(records)));
      await writeFile(join(cwd, "huge.csv"), Buffer.alloc(3_000_000, "x"));

      const hopeless = await airlake(["run", "huge.csv", "--lake", "disk/first"], { cwd });
      const fills = await airlake(["run", "small.csv", "big.csv.gz", "--lake", "disk/lake"], { cwd });
      spawnSync("mount", ["-o", "remount,size=60m", disk]);
      const after = await runJson(cwd, ["small.csv", "big.csv.gz", "--lake", "disk/lake"]);

      expect([hopeless.code, fills.code]).toEqual([2, 2]);
      for (const ran of [hopeless, fills]) {
        expect(ran.stderr).toContain("The disk is full");
        expectPlain(ran);
      }
      expect(existsSync(join(disk, "first"))).toBe(false);
      expect(after.code).toBe(0);
      expect(after.totals.read).toBe(records.length + 1);
    },
  );

  test("never shows its inside for a fault, but says how to see it", async () => {
    const cwd = await tempFolder();
    const lake = join(cwd, "lake");
    await mkdir(join(lake, ".airlake"), { recursive: true });
    await writeFile(join(lake, "airlake.json"), `{"contract":"lake/1"}`);
    await writeFile(join(lake, ".airlake", "embedded.sqlite"), "this is no database".repeat(1000));

    const ran = await inProcess(["status", "--lake", lake]);
    const more = await inProcess(["status", "--lake", lake, "--debug"]);

    expect(ran.code).toBe(2);
    expectPlain(ran);
    expect(ran.stderr).toContain("--debug");
    expect(more.stderr).toMatch(/\n\s+at /);
  });
});
