// What an operator does with a lake whose services run by themselves, on an emulator of AWS.
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { DeleteBucketCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { containerReason, localStackImage } from "@airlake/shared/testing/containers";

import { serviceNames } from "../../src/up/health-ports.ts";
import { json } from "../airlake.ts";
import { dayFile, line } from "../day-file.ts";
import { inProcess } from "../in-process.ts";
import { tempFolder } from "../temp-folder.ts";
import { type Emulated, type EmulatedLake, startEmulated } from "./emulated-lake.ts";

const reason = containerReason(localStackImage);

describe.skipIf(reason !== undefined)(`an aws: lake${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  let emulated: Emulated;
  let lake: EmulatedLake;
  const services = new AsyncDisposableStack();
  let health = "";
  beforeAll(async () => {
    emulated = await startEmulated();
    lake = await emulated.newLake("operated");
    const addresses: string[] = [];
    for (const role of ["ingest", "clean", "clean", "join", "catalog"] as const) {
      const { port } = services.use(await lake.start(role));
      addresses.push(`${serviceNames[role]}=127.0.0.1:${port}`);
    }
    health = addresses.join(",");
  }, 200_000);
  afterAll(async () => {
    await services.disposeAsync();
    await lake[Symbol.asyncDispose]();
    await emulated[Symbol.asyncDispose]();
  }, 60_000);
  const on = (...words: readonly string[]): readonly string[] => [...words, "--lake", lake.shown];

  test("says in the status that a fuse is blown, as long as it is", async () => {
    const blown = { at: "2026-11-21T03:00:00.000Z", retractions: 51, sources: 100 };
    const fuse = { contract: "fuse/1", dataset: "openaq", recent: {}, sources: null, blown, pass: null };
    const Bucket = lake.topology.buckets.ops;
    await lake.s3.send(new PutObjectCommand({ Bucket, Key: "fuse/openaq.json", Body: JSON.stringify(fuse) }));

    const told = await inProcess(on("status", "--health", health));
    await inProcess(on("fuse", "mend", "--because", "a test"));
    const mended = await inProcess(on("status", "--health", health));

    expect(told.stdout).toContain(`blown since 2026-11-21 03:00 UTC`);
    expect(told.stdout).toContain(`see: airlake fuse --lake ${lake.shown}`);
    expect([told.code, mended.code]).toEqual([1, 0]);
    expect(mended.stdout).not.toContain("fuse");
  });

  test("says how to prove that a release is done, where it cannot wait for it", async () => {
    const release = on("quarantine", "release", "--rule-pack", "1");

    const told = await inProcess([...release, "--yes"]);
    const asJson = await inProcess([...release, "--yes", "--json"]);

    const proof = `airlake quarantine release --rule-pack 1 --dataset openaq --lake ${lake.shown}`;
    expect([told.code, asJson.code]).toEqual([0, 0]);
    expect(told.stdout).toContain(`this has nothing to release and nothing back: ${proof}`);
    expect(json(asJson)).toMatchObject({ verify: proof });
  });

  test("takes files with put, and tells what became of them as run does", async () => {
    const folder = await tempFolder();
    await mkdir(join(folder, "day"));
    await writeFile(join(folder, "day", "a ü+.csv"), dayFile([line(1), line(2, "abc"), line(3)]));
    await writeFile(join(folder, "day", "notes.txt"), "dear diary");
    const put = on("put", join(folder, "day"), "--prefix", "openaq/put/", "--wait");

    const first = await inProcess([...put, "--json"]);
    const again = await inProcess(put);

    expect(first.code).toBe(1);
    expect(json(first)).toMatchObject({
      sources: [
        { key: "openaq/put/day/a ü+.csv", outcome: "done", read: 3, kept: 2, quarantined: 1, partitions: 1 },
        { key: "openaq/put/day/notes.txt", outcome: "rejected", reason: "unrecognised-format" },
      ],
    });
    expect(again).toMatchObject({ code: 1, stderr: "" });
    expect(again.stdout).toContain("2 sources (1 unchanged, 1 rejected): 3 read = 2 kept + 1 quarantined");
  });

  test("replaces a source that is put again with other records, and sends nothing that is there", async () => {
    const file = join(await tempFolder(), "changing.csv");
    await writeFile(file, dayFile([line(1)]));
    const before = await inProcess(on("put", file, "--wait", "--json"));
    const same = await inProcess(on("put", file, "--json"));
    await writeFile(file, dayFile([line(1), line(2)]));

    const after = await inProcess(on("put", file, "--wait", "--json"));

    expect(json(before)).toMatchObject({ sources: [{ outcome: "done", kept: 1 }] });
    expect(json(same)).toMatchObject({ files: [{ key: "openaq/changing.csv", was: "same" }], bytes: 0 });
    expect(json(after)).toMatchObject({ sources: [{ outcome: "done", kept: 2 }] });
  });

  test("says what was put and what to look at when nobody waits", async () => {
    const file = join(await tempFolder(), "told.csv");
    await writeFile(file, dayFile([line(1)]));

    const { code, stdout } = await inProcess(on("put", file));

    expect(code).toBe(0);
    expect(stdout).toMatch(/^put +openaq\/told\.csv \(\d+ B\)\n1 file put/u);
    expect(stdout).toContain(`airlake sources --lake ${lake.shown}`);
  });

  test("shows its services by their health ports, each process of a service, and the queues", async () => {
    const status = await inProcess(on("status", "--health", health, "--json"));
    const shown = await inProcess(on("status", "--health", health), { columns: 120 });

    expect(status.code).toBe(0);
    expect(json(status)).toMatchObject({
      lake: lake.shown,
      services: ["ingestor", "cleaner", "cleaner", "joiner", "catalog-sync"].map((service) => ({
        service,
        state: "up",
        reasons: [],
        version: "0.1.0",
      })),
      queues: ["ingest", "clean", "join", "catalog"].map((queue) => ({ queue })),
    });
    expect(shown.stdout).toMatch(/^cleaner \d+ +up /mu);
    expect(shown.stdout).toMatch(/^joiner +up /mu);
  });

  test("is not well where a service cannot be reached", async () => {
    const { code, stdout } = await inProcess(on("status", "--health", "cleaner=127.0.0.1:1"));

    expect(code).toBe(1);
    expect(stdout).toMatch(/^cleaner +unreachable /mu);
    expect(stdout).toContain("no health port answers");
  });

  test("lists sources, and quarantined records with their text", async () => {
    const folder = await tempFolder();
    const file = join(folder, "listed.csv");
    await writeFile(file, dayFile([line(1), line(2, "abc")]));
    await inProcess(on("put", file, "--wait"));

    const sources = await inProcess(on("sources", "--json"));
    const counts = await inProcess(on("quarantine", "ls", "--json"));
    const shown = await inProcess(on("quarantine", "show", "openaq/listed.csv"));
    const exported = await inProcess(on("quarantine", "export", join(folder, "bad.csv")));

    const counted = { key: "openaq/listed.csv", quarantined: 1 };
    expect(json(sources)).toContainEqual(expect.objectContaining({ ...counted, state: "current", kept: 1 }));
    expect(json(counts)).toMatchObject({ sources: expect.arrayContaining([expect.objectContaining(counted)]) });
    expect(shown.stdout).toMatch(/record 2: bad-value[^]*value +abc/u);
    expect(exported.code).toBe(0);
    expect(await readFile(join(folder, "bad.csv"), "utf8")).toContain("openaq/listed.csv,2,");
  });

  test("loses a source and its records with rm, and only then says so", async () => {
    const file = join(await tempFolder(), "going.csv");
    await writeFile(file, dayFile([line(1), line(2)]));
    await inProcess(on("put", file, "--wait"));

    const removed = await inProcess(on("rm", "openaq/going.csv", "--yes", "--json"));
    const near = await inProcess(on("rm", "openaq/goign.csv", "--yes"));

    expect(json(removed)).toEqual({ removed: [{ key: "openaq/going.csv", records: 2 }], records: 2 });
    const left = json(await inProcess(on("sources", "--all", "--json")));
    expect(left).toContainEqual(expect.objectContaining({ key: "openaq/going.csv", state: "retracted" }));
    expect(near.code).toBe(2);
    expect(near.stderr).toContain("There is no source openaq/goign.csv in the lake.");
  });

  test("is asked to reprocess, and does again what was made under another rule pack", async () => {
    const file = join(await tempFolder(), "redone.csv");
    await writeFile(file, dayFile([line(1)]));
    await inProcess(on("put", file, "--wait"));

    const asked = await inProcess(on("reprocess", "openaq/redone", "--rule-pack", "1", "--json"));
    const none = await inProcess(on("reprocess", "openaq/none"));

    expect(json(asked)).toEqual({ asked: 1 });
    const { Body: wanted } = await lake.s3.send(
      new GetObjectCommand({ Bucket: lake.topology.buckets.ops, Key: "rules/openaq.json" }),
    );
    expect(await wanted?.transformToString()).toContain('"rulePack":1');
    expect(none).toMatchObject({ code: 2 });
    expect(none.stderr).toContain("No source's key begins with openaq/none.");
  });

  test("is told of in a sentence where it is not there, not reached or lacks its buckets", async () => {
    const file = join(await tempFolder(), "lost.csv");
    await writeFile(file, dayFile([line(1)]));
    await using bare = await emulated.newLake("bare");
    await bare.s3.send(new DeleteBucketCommand({ Bucket: bare.topology.buckets.raw }));

    const missing = await inProcess(["put", file, "--lake", "aws:nowhere"]);
    const without = await inProcess(["put", file, "--lake", bare.shown]);
    vi.stubEnv("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    const away = await inProcess(["status", "--lake", bare.shown]);
    vi.unstubAllEnvs();

    expect(missing.stderr).toContain(`There is no lake aws:nowhere at ${emulated.endpoint}`);
    expect(without.stderr).toContain(`The lake aws:bare has no bucket ${bare.topology.buckets.raw}.`);
    expect(away.stderr).toContain("http://127.0.0.1:1 does not answer (ECONNREFUSED).");
    expect([missing.code, without.code, away.code]).toEqual([2, 2, 2]);
  });

  test("takes only what can be a source", async () => {
    const folder = await tempFolder();
    await mkdir(join(folder, "empty"));
    await writeFile(join(folder, "a.csv"), "x");

    const empty = await inProcess(on("put", join(folder, "empty")));
    const dataset = await inProcess(on("put", join(folder, "a.csv"), "--prefix", "openqa/2018"));
    const dots = await inProcess(on("put", join(folder, "a.csv"), "--prefix", "openaq/../x"));

    expect(empty.stderr).toContain("There is no file to take in");
    expect(dataset.stderr).toContain('There is no dataset "openqa"');
    expect(dots.stderr).toContain("is no prefix of keys");
    expect([empty.code, dataset.code, dots.code]).toEqual([2, 2, 2]);
  });

  describe("that is asked in SQL", () => {
    beforeAll(async () => {
      const folder = await mkdtemp(join(tmpdir(), "airlake-asked-"));
      const lines = [place("BE", "2018-02-06"), place("BE", "2018-03-01"), place("NL", "2018-02-06"), line(2, "abc")];
      await writeFile(join(folder, "asked.csv"), dayFile(lines));
      const { code } = await inProcess(on("put", join(folder, "asked.csv"), "--prefix", "openaq/asked", "--wait"));
      await rm(folder, { recursive: true, force: true });
      expect(code).toBe(0);
    }, 60_000);
    // What is kept for the next question is this test's own.
    beforeEach(async () => void vi.stubEnv("TMPDIR", await tempFolder()));
    afterEach(() => void vi.unstubAllEnvs());
    const ours = "source_id IN (SELECT source_id FROM sources WHERE key = 'openaq/asked/asked.csv')";
    const ask = async (sql: string, ...more: readonly string[]) => inProcess(on("query", sql, "--json", ...more));

    test("answers from the partitions that the statement can read, and says how much it read", async () => {
      const all = await ask(`SELECT country, count(*) AS n FROM measurements WHERE ${ours} GROUP BY ALL ORDER BY ALL`);
      const some = await ask(`SELECT count(*) AS n FROM measurements WHERE country = 'NL' AND month = 2 AND ${ours}`);
      const none = await ask("SELECT count(*) AS n FROM measurements WHERE country = 'XX'");

      expect(json(all)).toEqual([
        { country: "BE", n: 2 },
        { country: "NL", n: 1 },
      ]);
      expect(json(some)).toEqual([{ n: 1 }]);
      expect(json(none)).toEqual([{ n: 0 }]);
      expect(all.stderr).toMatch(/^read 3 of 3 partitions, (.+) of \1\n$/u);
      expect(some.stderr).toMatch(/^read 1 of 3 partitions, /u);
      expect(none.stderr).toBe("");
    });

    test("answers from quarantine, sources and countries too, and without reading where that can be", async () => {
      const quarantine = await ask(`SELECT reason FROM quarantine WHERE key = 'openaq/asked/asked.csv'`);
      const sources = await ask("SELECT kept, quarantined FROM sources WHERE key = 'openaq/asked/asked.csv'");
      const countries = await ask("SELECT alpha2 FROM countries WHERE name = 'Namibia'");
      const described = await ask("DESCRIBE measurements");

      expect(json(quarantine)).toEqual([{ reason: "bad-value" }]);
      expect(json(sources)).toEqual([{ kept: 3, quarantined: 1 }]);
      expect(json(countries)).toEqual([{ alpha2: "NA" }]);
      expect([sources.stderr, countries.stderr, described.stderr]).toEqual(["", "", ""]);
    });

    test("brings no more than it may, and changes nothing", async () => {
      const refused = await ask("SELECT avg(value) FROM measurements", "--max-mb", "0.02");
      const within = await ask("SELECT count(*) AS n FROM measurements WHERE country = 'NL'", "--max-mb", "0.02");
      const drop = await ask("DROP VIEW measurements");
      const copy = await ask("COPY measurements TO 'x.csv'");

      expect(refused.code).toBe(2);
      expect(refused.stderr).toMatch(/The statement needs .+ kB of the lake's .+, and at most 20\.0 kB are brought/u);
      expect(json(within)).toEqual([{ n: 1 }]);
      expect([drop.code, copy.code]).toEqual([2, 2]);
      expect(drop.stderr).toContain("Only a SELECT can be run here");
    });

    test("keeps parts for the next question, closed to others, and nothing else", async () => {
      const question = "SELECT count(*) AS n FROM measurements WHERE country = 'BE'";

      const first = await ask(question);
      const second = await ask(question);
      await ask("SELECT nothing FROM measurements");

      expect(second.stdout).toBe(first.stdout);
      expect(first.stderr).toMatch(/^read 2 of 3 partitions, (.+) of .+B\n$/u);
      expect(second.stderr).toMatch(/^read 2 of 3 partitions, (.+) of .+; \1 were here already\n$/u);
      const kept = join(tmpdir(), `airlake-parts-${process.getuid?.()}`);
      expect(await readdir(tmpdir())).toEqual([basename(kept)]);
      expect((await stat(kept)).mode & 0o077).toBe(0);
    });
  });
});

/** A line of a measurement in a country. */
function place(country: string, day: string): string {
  const where = { BE: "50.85,4.35", NL: "52.37,4.9" }[country] ?? ",";
  return `Somewhere,City,${country},${day}T05:00:00.000Z,${day}T05:00:00+00:00,pm25,7,µg/m³,${where},`;
}
