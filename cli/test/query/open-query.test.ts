import { mkdtemp, readdir, rm, rmdir, stat, symlink, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "@airlake/shared/clock";
import { catalogFileOf } from "@airlake/shared/embedded/catalog-file";
import { datasetSchema } from "@airlake/shared/contracts/dataset";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { type Query, openQuery } from "../../src/query/open-query.ts";
import { type QueryLake, createQueryLake, weather } from "./query-lake.ts";
import { openFor, rowsOf } from "./rows.ts";

let lake: QueryLake;
beforeEach(async () => {
  lake = await createQueryLake();
});
afterEach(async () => {
  await lake[Symbol.asyncDispose]();
});

const ghent = { place: "Ghent", country: "BE", year: 2018, celsius: 4.5 };
const lille = { place: "Lille", country: "FR", year: 2019, celsius: 11 };
const windhoek = { place: "Windhoek", country: "NA", year: 2018, celsius: 31.25 };

describe("an empty lake", () => {
  test("has the views, with their columns and without rows", async () => {
    await using query = await openFor(lake.folder, weather());

    expect(query.views).toEqual(["readings", "sources", "quarantine", "countries"]);
    for (const view of query.views) expect(await rowsOf(query, `FROM ${view}`)).toEqual([]);
    const columns = await rowsOf(query, "SELECT column_name, column_type FROM (DESCRIBE readings)");
    expect(columns.map((column) => `${String(column["column_name"])} ${String(column["column_type"])}`)).toEqual([
      "source_id VARCHAR",
      "source_record BIGINT",
      "format VARCHAR",
      "place VARCHAR",
      "at TIMESTAMP WITH TIME ZONE",
      "celsius DOUBLE",
      "flags VARCHAR[]",
      "country VARCHAR",
      "year INTEGER",
    ]);
  });

  test("has the same columns as one with records", async () => {
    await using empty = await openFor(lake.folder, weather());
    const before = await rowsOf(
      empty,
      "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() ORDER BY ALL",
    );
    await lake.source({ key: "weather/a.ndjson", readings: [ghent], quarantined: ["{"] });

    await using full = await openFor(lake.folder, weather());

    const after = await rowsOf(
      full,
      "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() ORDER BY ALL",
    );
    expect(after).toEqual(before);
  });
});

describe("the table of records", () => {
  test("has every record with its partition's values in their types", async () => {
    await lake.source({ key: "weather/a.ndjson", readings: [ghent, windhoek] });
    await lake.source({ key: "weather/b.ndjson", readings: [lille] });
    await using query = await openFor(lake.folder, weather());

    const rows = await rowsOf(query, 'SELECT place, celsius, country, year, "at" FROM readings ORDER BY place');

    expect(rows).toEqual([
      { place: "Ghent", celsius: 4.5, country: "BE", year: 2018, at: "2018-02-06T12:00:00.5Z" },
      { place: "Lille", celsius: 11, country: "FR", year: 2019, at: "2019-02-06T12:00:00.5Z" },
      { place: "Windhoek", celsius: 31.25, country: "NA", year: 2018, at: "2018-02-06T12:00:00.5Z" },
    ]);
  });

  test("has only the parts that manifests name, whatever else lies beside them", async () => {
    const [part] = await lake.source({ key: "weather/a.ndjson", readings: [ghent] });
    await lake.sql(`COPY (FROM '${part}') TO '${part?.replace(".1-a.", ".2-b.")}' (FORMAT parquet)`);
    await using query = await openFor(lake.folder, weather());

    expect(await rowsOf(query, "SELECT count(*) AS n FROM readings")).toEqual([{ n: 1 }]);
  });

  test("is not silently empty when its catalog is lost", async () => {
    await lake.source({ key: "weather/a.ndjson", readings: [ghent] });
    await unlink(catalogFileOf(lake.folder));

    await expect(openFor(lake.folder, weather())).rejects.toThrow("catalog is missing");
  });

  test("says so while its first records are not registered yet", async () => {
    const joiner = { committedAt: new Date().toISOString() };
    await lake.source({ key: "weather/a.ndjson", readings: [ghent], joiner });
    await rm(catalogFileOf(lake.folder), { force: true });

    await expect(openFor(lake.folder, weather())).rejects.toThrow("not registered yet");
  });

  test("has only partitions that the catalog knows", async () => {
    await lake.source({ key: "weather/a.ndjson", readings: [ghent] });
    await lake.source({ key: "weather/b.ndjson", readings: [lille], registered: false });
    await using query = await openFor(lake.folder, weather());

    expect(await rowsOf(query, "SELECT place FROM readings")).toEqual([{ place: "Ghent" }]);
  });

  test.each([
    ["country = 'NA'", 1],
    ["country IN ('BE', 'XX') AND year = 2018", 1],
    ["year BETWEEN 2018 AND 2018", 2],
    ["country = 'BE' AND year = 2019", 0],
    ["country LIKE '_R'", 1],
    ["celsius > 0", 3],
  ])("opens no file of other partitions for %s", async (filter, files) => {
    await lake.source({ key: "weather/a.ndjson", readings: [ghent, windhoek, lille] });
    await using query = await openFor(lake.folder, weather());

    const [plan] = await rowsOf(query, `EXPLAIN ANALYZE SELECT * FROM readings WHERE ${filter}`);

    expect(/Total Files Read: (\d+)/.exec(String(plan?.["explain_value"]))?.[1]).toBe(String(files));
    expect(await rowsOf(query, `SELECT count(*) AS n FROM readings WHERE ${filter}`)).toEqual([{ n: files }]);
  });

  test("gives NULL for a column that a part was written without, and opens no more files for that", async () => {
    await lake.source({ key: "weather/old.ndjson", readings: [ghent, lille], fingerprint: "f1" });
    const later = weather("weather", ["humidity"]);
    await lake.source({ key: "weather/new.ndjson", readings: [windhoek], fingerprint: "f2" }, later);
    await lake.sql("SELECT 1");
    await using query = await openFor(lake.folder, later);

    const rows = await rowsOf(query, "SELECT place, humidity, country FROM readings ORDER BY place");
    const [plan] = await rowsOf(query, "EXPLAIN ANALYZE SELECT * FROM readings WHERE country = 'FR'");

    expect(rows).toEqual([
      { place: "Ghent", humidity: null, country: "BE" },
      { place: "Lille", humidity: null, country: "FR" },
      { place: "Windhoek", humidity: null, country: "NA" },
    ]);
    const opened = [...String(plan?.["explain_value"]).matchAll(/Total Files Read: (\d+)/g)].map((match) =>
      Number(match[1]),
    );
    expect(opened.reduce((sum, files) => sum + files, 0)).toBe(1);
  });

  test("reads the last good parts of a source whose newest version was rejected, though they are older than its fingerprint", async () => {
    const rejected = { state: "rejected", stale: true, fingerprint: "f2" } as const;
    await lake.source({ key: "weather/old.ndjson", readings: [ghent], joiner: rejected });
    const later = weather("weather", ["humidity"]);
    await lake.source({ key: "weather/new.ndjson", readings: [windhoek], fingerprint: "f2" }, later);
    await using query = await openFor(lake.folder, later);

    expect(await rowsOf(query, "SELECT place, humidity FROM readings ORDER BY place")).toEqual([
      { place: "Ghent", humidity: null },
      { place: "Windhoek", humidity: null },
    ]);
  });

  test("begins anew when a part went away because its source was done again", async () => {
    const [old] = await lake.source({ key: "weather/a.ndjson", readings: [ghent] });
    await using query = await openFor(lake.folder, weather());
    await lake.source({ key: "weather/a.ndjson", readings: [windhoek] });
    await unlink(old!);

    expect(await rowsOf(query, "SELECT place FROM readings")).toEqual([{ place: "Windhoek" }]);
  });

  test("says which part is missing when no manifest leads to another", async () => {
    const [part] = await lake.source({ key: "weather/a.ndjson", readings: [ghent] });
    await using query = await openFor(lake.folder, weather());
    await unlink(part!);

    const missing = { message: `${part} is missing, which a manifest of the lake names.` };
    await expect(rowsOf(query, "SELECT place FROM readings")).rejects.toMatchObject(missing);
    await expect(openFor(lake.folder, weather())).rejects.toMatchObject(missing);
  });
});

describe.each(["la ke's [1]*", "country=XX/year=1999/lake", "ébauche"])("a lake in the folder %s", (name) => {
  test("is read as any other", async () => {
    await using odd = await createQueryLake(name);
    await odd.source({ key: "weather/a.ndjson", readings: [ghent, lille], quarantined: ["{"] });
    await using query = await openFor(odd.folder, weather());

    expect(await rowsOf(query, "SELECT place, country, year FROM readings WHERE country = 'FR'")).toEqual([
      { place: "Lille", country: "FR", year: 2019 },
    ]);
    expect(await rowsOf(query, "SELECT original FROM quarantine")).toEqual([{ original: "{" }]);
  });
});

test("reads a lake through a link to its folder", async () => {
  await lake.source({ key: "weather/a.ndjson", readings: [ghent] });
  const link = `${lake.folder}-link`;
  await symlink(lake.folder, link);
  await using query = await openFor(link, weather());

  expect(await rowsOf(query, "SELECT place FROM readings WHERE country = 'BE'")).toEqual([{ place: "Ghent" }]);
});

describe("sources", () => {
  test("says of each source what both stages say", async () => {
    await lake.source({
      key: "weather/b ü.ndjson",
      readings: [ghent, lille, windhoek],
      quarantined: ["{", "x"],
      cleaner: { counts: { read: 5, kept: 3, quarantined: 2, reasons: { "malformed-record": 2 }, flags: { odd: 1 } } },
      joiner: { counts: { read: 3, kept: 3, quarantined: 0, reasons: {}, flags: { far: 2 } } },
    });
    await using query = await openFor(lake.folder, weather());

    const [row] = await rowsOf(query, "FROM sources");

    expect(row).toMatchObject({
      key: "weather/b ü.ndjson",
      dataset: "weather",
      format: "weather-ndjson",
      state: "current",
      stale: false,
      reason: null,
      read: 5,
      kept: 3,
      quarantined: 2,
      reasons: { "malformed-record": 2 },
      flags: { odd: 1, far: 2 },
      joined: true,
      partitions: 3,
      parts: 3,
      bytes: 2100,
      size: 1234,
      last_modified: "2018-02-07T00:00:00Z",
      committed_at: "2018-02-07T00:00:01.25Z",
      generation: 1,
    });
    expect(await rowsOf(query, "SELECT reasons['malformed-record'] AS n FROM sources")).toEqual([{ n: 2 }]);
  });

  test("tells a source that was never good, one whose newest version is not, and one that is gone", async () => {
    const rejection = {
      reason: "unrecognised-format",
      detail: "no known header",
      failureKey: "failures/x.json",
      parked: true,
    };
    await lake.source({
      key: "weather/never.ndjson",
      cleaner: { state: "rejected", rejection, counts: null, format: null, outputs: [] },
    });
    await lake.source({
      key: "weather/stale.ndjson",
      readings: [ghent],
      cleaner: { state: "rejected", stale: true, rejection },
    });
    await lake.source({
      key: "weather/gone.ndjson",
      cleaner: { state: "retracted", counts: null, format: null, input: { identity: "gone" }, outputs: [] },
      joiner: { outputs: [] },
    });
    await using query = await openFor(lake.folder, weather());

    const rows = await rowsOf(query, "SELECT key, state, stale, reason, kept, joined, size FROM sources ORDER BY key");

    expect(rows).toEqual([
      {
        key: "weather/gone.ndjson",
        state: "retracted",
        stale: false,
        reason: null,
        kept: null,
        joined: true,
        size: null,
      },
      {
        key: "weather/never.ndjson",
        state: "rejected",
        stale: false,
        reason: "unrecognised-format",
        kept: null,
        joined: true,
        size: 1234,
      },
      {
        key: "weather/stale.ndjson",
        state: "rejected",
        stale: true,
        reason: "unrecognised-format",
        kept: 1,
        joined: true,
        size: 1234,
      },
    ]);
  });

  test("says that a source is not joined while the joiner is behind", async () => {
    await lake.source({
      key: "weather/a.ndjson",
      readings: [ghent],
      cleaner: { generation: 2 },
      joiner: {
        input: { identity: "1" },
        counts: { read: 1, kept: 1, quarantined: 0, reasons: {}, flags: { far: 1 } },
      },
    });
    await using query = await openFor(lake.folder, weather());

    expect(await rowsOf(query, "SELECT joined, flags FROM sources")).toEqual([{ joined: false, flags: {} }]);
  });

  test.each([
    ['{"contract":"manifest/2"}', /of a newer airlake \(manifest\/2\)/],
    ['{"contract":"manifest/1"', /is damaged/],
    ['{"contract":"manifest/1"}', /is damaged/],
  ])("says which manifest cannot be read, for %s", async (text, message) => {
    await lake.write(`ops/manifests/cleaner/weather/${"0".repeat(32)}.json`, text);

    await expect(openFor(lake.folder, weather())).rejects.toThrow(message);
  });
});

test("quarantine has the source's key beside each record", async () => {
  await lake.source({ key: "weather/a.ndjson", readings: [ghent], quarantined: ['{"place"', "€"] });
  await using query = await openFor(lake.folder, weather());

  expect(
    await rowsOf(query, "SELECT key, source_record, reason, reasons, original FROM quarantine ORDER BY 2"),
  ).toEqual([
    {
      key: "weather/a.ndjson",
      source_record: 1,
      reason: "malformed-record",
      reasons: ["malformed-record"],
      original: '{"place"',
    },
    {
      key: "weather/a.ndjson",
      source_record: 2,
      reason: "malformed-record",
      reasons: ["malformed-record"],
      original: "€",
    },
  ]);
});

test("countries has the reference table, where a dataset uses it", async () => {
  await lake.write("gold/reference/countries/.keep", "");
  await lake.sql(
    `COPY (SELECT 'NA' AS alpha2, 'NAM' AS alpha3, '516' AS numeric, 'Namibia' AS name, 'Africa' AS region)
     TO '${join(lake.folder, "gold/reference/countries/countries.parquet")}' (FORMAT parquet)`,
  );
  await using query = await openFor(lake.folder, weather());
  await using without = await openFor(lake.folder, { ...weather(), enrichments: [] });

  expect(await rowsOf(query, "SELECT alpha2, numeric, name FROM countries")).toEqual([
    { alpha2: "NA", numeric: "516", name: "Namibia" },
  ]);
  expect(without.views).toEqual(["readings", "sources", "quarantine"]);
});

test("gives each of several datasets its own schema, and the first one's tables their bare names", async () => {
  const other = weather("climate");
  await lake.source({ key: "weather/a.ndjson", readings: [ghent] });
  await lake.source({ key: "climate/a.ndjson", readings: [lille] }, other);
  await using query = await openFor(lake.folder, weather(), other);

  expect(await rowsOf(query, "SELECT place FROM readings")).toEqual([{ place: "Ghent" }]);
  expect(await rowsOf(query, "SELECT place FROM climate.readings")).toEqual([{ place: "Lille" }]);
  expect(await rowsOf(query, "SELECT key FROM weather.sources UNION ALL SELECT key FROM climate.sources")).toHaveLength(
    2,
  );
  expect(query.views).toEqual([
    "readings",
    "sources",
    "quarantine",
    "countries",
    "climate.readings",
    "climate.sources",
    "climate.quarantine",
  ]);
});

test("reads a dataset without partitions, and one whose names are SQL's own words", async () => {
  const { partitions: _, ...table } = weather().table;
  const plain = datasetSchema.parse({ ...weather("order"), table: { ...table, name: "select", partitions: [] } });
  await using query = await openFor(lake.folder, plain);

  expect(await rowsOf(query, 'SELECT count(*) AS n FROM "select"')).toEqual([{ n: 0 }]);
  expect(await rowsOf(query, 'SELECT count(*) AS n FROM "order".sources')).toEqual([{ n: 0 }]);
});

describe("a query", () => {
  let query: Query;
  beforeEach(async () => {
    await lake.source({ key: "weather/a.ndjson", readings: [ghent, lille] });
    query = await openFor(lake.folder, weather());
  });
  afterEach(async () => {
    await query[Symbol.asyncDispose]();
  });

  test("ends within a moment when it is told to, with the reason it was told, and the next one runs", async () => {
    const stop = new AbortController();
    const running = query.run("SELECT count(*) FROM range(1000000000000) WHERE hash(range) = 0", stop.signal);
    setTimeout(() => stop.abort(new Error("told to stop")), 50);

    await expect(running).rejects.toThrow("told to stop");
    expect(await rowsOf(query, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  test("ends between rows as well", async () => {
    const stop = new AbortController();
    const result = await query.run("SELECT range FROM range(100000000)", stop.signal);

    const reading = (async () => {
      for await (const rows of result.chunks) if (rows.length > 0) stop.abort(new Error("enough"));
    })();

    await expect(reading).rejects.toThrow("enough");
    expect(await rowsOf(query, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  test("gives rows as they come, and is over when nobody wants more", async () => {
    const result = await query.run("SELECT range FROM range(1000000000)", new AbortController().signal);

    let seen = 0;
    for await (const rows of result.chunks) {
      seen += rows.length;
      if (seen > 5000) break;
    }

    expect(seen).toBeLessThan(10_000);
    expect(await rowsOf(query, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  test("says what DuckDB complains about, and what can be queried", async () => {
    await expect(rowsOf(query, "SELECT plaze FROM readings")).rejects.toMatchObject({
      name: "CommandError",
      message: expect.stringMatching(/^Binder Error: Referenced column "plaze" not found[^]*"place"/),
      next: "Views: readings, sources, quarantine, countries. Try: DESCRIBE readings",
    });
    await expect(rowsOf(query, "SELEC 1")).rejects.toThrow(/Parser Error: syntax error at or near "SELEC"/);
    await expect(rowsOf(query, "SELECT 1/0 FROM nowhere")).rejects.toThrow(/Table with name nowhere does not exist/);
  });

  test("spills what does not fit into memory, where no other user can read it, and leaves nothing behind", async () => {
    const temporary = await mkdtemp(join(tmpdir(), "airlake-spill-"));
    vi.stubEnv("TMPDIR", temporary);
    const limits = { threads: 1, memoryLimitMb: 64 };
    await using small = await openQuery({ lake: lake.folder, datasets: [weather()], clock: systemClock, limits });
    vi.unstubAllEnvs();
    const [own] = await readdir(temporary);

    const rows = await rowsOf(
      small,
      "SELECT i FROM (SELECT range AS i, hash(range) AS h, repeat('x', 50) AS x FROM range(2000000)) ORDER BY h, x LIMIT 1 OFFSET 1999999",
    );

    expect(rows).toHaveLength(1);
    expect((await stat(join(temporary, own!))).mode & 0o077).toBe(0);
    await small[Symbol.asyncDispose]();
    await rmdir(temporary);
  });

  test("says so when it needs more memory than it may have", async () => {
    await using small = await openQuery({
      lake: lake.folder,
      datasets: [weather()],
      clock: systemClock,
      limits: { threads: 1, memoryLimitMb: 32 },
    });

    await expect(rowsOf(small, "SELECT list(range) FROM range(1000000000)")).rejects.toThrow(
      /more memory than it may use/,
    );
    expect(await rowsOf(query, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });
});
