import { mkdir, readFile, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Query } from "../../src/query/open-query.ts";
import { type QueryLake, createQueryLake, weather } from "./query-lake.ts";
import { openFor, rowsOf } from "./rows.ts";

const secret = "a secret of somebody else";
let lake: QueryLake;
let query: Query;
let outside: string;
let part: string;
beforeAll(async () => {
  lake = await createQueryLake();
  outside = `${lake.folder}-outside`;
  await mkdir(outside);
  await writeFile(join(outside, "secret.txt"), secret);
  await lake.sql(`COPY (SELECT '${secret}' AS secret) TO '${outside}/secret.parquet' (FORMAT parquet)`);
  await lake.sql(
    `ATTACH '${outside}/other.duckdb' AS other; CREATE TABLE other.t AS SELECT '${secret}' AS s; DETACH other`,
  );
  await lake.write(".airlake/embedded.sqlite", secret);
  await lake.write("raw/weather/a.ndjson", '{"place":"Ghent"}\n');
  await mkdir(join(lake.folder, "silver"), { recursive: true });
  await symlink(join(outside, "secret.txt"), join(lake.folder, "raw/weather/link.txt"));
  await symlink(outside, join(lake.folder, "raw/folder"));
  const reading = { place: "Ghent", country: "BE", year: 2018, celsius: 4.5 };
  [part = ""] = await lake.source({ key: "weather/a.ndjson", readings: [reading], quarantined: ["{"] });
  query = await openFor(lake.folder, weather());
});
afterAll(async () => {
  await query[Symbol.asyncDispose]();
  await lake[Symbol.asyncDispose]();
});

const onlySelect = /^Only a SELECT can be run here/;
const onlyLake = /^A query reads the lake's own files, and nothing else on the disk or the network/;
const noSuchFunction = (name: string): RegExp => new RegExp(`^The function ${name} cannot be used here`);

/** {LAKE}, {OUT} and {PART} stand for the lake's folder, a folder beside it, and a part. */
const attacks: readonly (readonly [sql: string, message: RegExp])[] = [
  // Writing.
  ["COPY (SELECT 1) TO '{OUT}/x.csv'", onlySelect],
  ["COPY (SELECT 1) TO '{LAKE}/gold/x.parquet'", onlySelect],
  ["COPY (SELECT 1) TO '{PART}'", onlySelect],
  ["COPY readings TO '/dev/stdout'", onlySelect],
  ["EXPLAIN ANALYZE COPY (SELECT 1) TO '{LAKE}/gold/x.parquet'", onlySelect],
  ["/* a */ EXPLAIN /* b */ ANALYZE COPY (SELECT 1) TO '{LAKE}/gold/x.parquet'", /syntax error|^Only a SELECT/],
  ["EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{LAKE}/gold/x.parquet'", /syntax error|^Only a SELECT/],
  ["EXPLAIN ANALYZE EXPLAIN ANALYZE COPY (SELECT 1) TO '{LAKE}/gold/x.parquet'", onlySelect],
  ["EXPLAIN ANALYZE SELECT 1; COPY (SELECT 1) TO '{LAKE}/gold/x.parquet'", /more than one statement|^Only a SELECT/],
  ["EXPORT DATABASE '{OUT}/export'", onlySelect],
  ["CREATE TABLE t AS SELECT 1", onlySelect],
  ["CREATE OR REPLACE VIEW readings AS SELECT 1", onlySelect],
  ["CREATE OR REPLACE MACRO range(x) AS TABLE SELECT 1", onlySelect],
  ["INSERT INTO sources SELECT * FROM sources", onlySelect],
  ["UPDATE sources SET key = 'x'", onlySelect],
  ["DELETE FROM sources", onlySelect],
  ["TRUNCATE sources", onlySelect],
  ["MERGE INTO sources USING sources AS s ON true WHEN MATCHED THEN DELETE", onlySelect],
  ["DROP VIEW readings", onlySelect],
  ["ALTER TABLE sources RENAME TO t", onlySelect],
  ["COMMENT ON TABLE sources IS 'x'", onlySelect],
  ["WITH gone AS (DELETE FROM sources RETURNING *) SELECT * FROM gone", /A CTE needs a SELECT/],
  ["SELECT * INTO t FROM sources", /SELECT INTO not supported/],
  ["BEGIN", onlySelect],
  ["VACUUM", onlySelect],
  ["CHECKPOINT", onlySelect],
  // Several statements, and what hides one.
  ["SELECT 1; DROP TABLE sources", /^Only a SELECT can be run here|more than one statement/],
  ["SELECT 1; SELECT 2", /more than one statement/],
  ["SELECT 1 --\0\n; DROP TABLE sources", /NUL character/],
  ["", /There is no statement/],
  ["-- nothing", /There is no statement/],
  ["PREPARE p AS SELECT 1", onlySelect],
  ["EXECUTE p", onlySelect],
  ["SELECT $1", /has parameters/],
  // Settings, extensions, other databases.
  ["SET enable_external_access = true", onlySelect],
  ["RESET lock_configuration", onlySelect],
  ["SET VARIABLE \"parts of weather.readings\" = ['{OUT}/secret.parquet']", onlySelect],
  ["PRAGMA database_list", onlySelect],
  ["PRAGMA table_info('sources')", onlySelect],
  ["PRAGMA import_database('{OUT}')", onlySelect],
  ["PRAGMA enable_profiling", onlySelect],
  ["CALL pragma_version()", onlySelect],
  ["CALL enable_logging(storage = 'file', storage_config = {'path': '{LAKE}/gold/log'})", onlySelect],
  ["INSTALL httpfs", onlySelect],
  ["LOAD httpfs", onlySelect],
  ["LOAD '{OUT}/evil.duckdb_extension'", onlySelect],
  ["ATTACH '{OUT}/other.duckdb'", onlySelect],
  ["ATTACH '{LAKE}/gold/new.duckdb'", onlySelect],
  ["USE other", onlySelect],
  ["CREATE SECRET (TYPE s3)", onlySelect],
  // Functions of a SELECT that change something, or run other SQL.
  [
    "FROM enable_logging(storage = 'file', storage_config = {'path': '{LAKE}/gold/log'})",
    noSuchFunction("enable_logging"),
  ],
  ["FROM system.main.ENABLE_LOGGING(storage = 'stdout')", noSuchFunction("enable_logging")],
  ["FROM enable_profiling(save_location = '{LAKE}/gold/profile.json')", noSuchFunction("enable_profiling")],
  ["FROM checkpoint()", noSuchFunction("checkpoint")],
  ["WITH a AS MATERIALIZED (FROM disable_logging()) FROM a", noSuchFunction("disable_logging")],
  ["SELECT (SELECT count(*) FROM truncate_duckdb_logs())", noSuchFunction("truncate_duckdb_logs")],
  ["FROM query('SELECT * FROM read_text(''/etc/passwd'')')", noSuchFunction("query")],
  ["FROM query_table('sources')", noSuchFunction("query_table")],
  [
    "FROM json_execute_serialized_sql(json_serialize_sql('FROM read_text(''/etc/passwd'')'))",
    noSuchFunction("json_execute_serialized_sql"),
  ],
  ["FROM sql_auto_complete('SELECT')", noSuchFunction("sql_auto_complete")],
  ["FROM duckdb_secrets()", noSuchFunction("duckdb_secrets")],
  ["DESCRIBE FROM enable_logging()", noSuchFunction("enable_logging")],
  ["SUMMARIZE FROM enable_logging()", noSuchFunction("enable_logging")],
  ["EXPLAIN ANALYZE FROM enable_logging()", noSuchFunction("enable_logging")],
  [
    "SELECT 1 UNION ALL SELECT 1 FROM (VALUES (1)) AS v WHERE EXISTS (FROM enable_logging())",
    noSuchFunction("enable_logging"),
  ],
  ["SELECT 1 FROM sources, LATERAL (FROM enable_logging())", noSuchFunction("enable_logging")],
  ["PIVOT (FROM enable_logging()) ON x IN (1) USING count(*)", noSuchFunction("enable_logging")],
  ["SELECT getenv('HOME')", /getenv does not exist/],
  // Files outside of the lake.
  ["FROM read_text('/etc/passwd')", onlyLake],
  ["FROM '/etc/passwd'", /\/etc\/passwd does not exist/],
  ["FROM '{OUT}/secret.parquet'", onlyLake],
  ["DESCRIBE '{OUT}/secret.parquet'", onlyLake],
  ["SUMMARIZE '{OUT}/secret.parquet'", onlyLake],
  ["FROM read_parquet('{OUT}/secret.parquet')", onlyLake],
  ["FROM read_parquet(['{PART}', '{OUT}/secret.parquet'])", onlyLake],
  ["FROM parquet_metadata('{OUT}/secret.parquet')", onlyLake],
  ["FROM parquet_schema('{OUT}/secret.parquet')", onlyLake],
  ["FROM parquet_file_metadata('{OUT}/secret.parquet')", onlyLake],
  ["FROM parquet_kv_metadata('{OUT}/secret.parquet')", onlyLake],
  ["FROM read_duckdb('{OUT}/other.duckdb')", noSuchFunction("read_duckdb")],
  ["FROM read_csv('/proc/self/environ')", onlyLake],
  ["FROM read_csv('/dev/stdin')", onlyLake],
  ["FROM read_blob('/proc/self/maps')", onlyLake],
  ["FROM sniff_csv('/etc/passwd')", onlyLake],
  ["FROM read_json('file:///etc/passwd')", onlyLake],
  ["FROM read_text('~/.ssh/id_rsa')", onlyLake],
  ["FROM read_text('https://example.com/')", onlyLake],
  ["FROM read_parquet('s3://bucket/key.parquet')", onlyLake],
  ["FROM glob('/etc/*')", onlyLake],
  ["FROM glob('/**')", onlyLake],
  ["FROM glob('{OUT}/*')", onlyLake],
  // Out of the lake by a detour, and what lies in its folder but is no object.
  ["FROM read_text('{LAKE}/raw/../../lake-outside/secret.txt')", onlyLake],
  ["FROM read_text('{LAKE}/raw/weather/link.txt')", onlyLake],
  ["FROM read_text('{LAKE}/raw/weather/*.txt')", onlyLake],
  ["FROM read_text('{LAKE}/raw/folder/secret.txt')", onlyLake],
  ["FROM read_text('{LAKE}/raw/folder/*')", onlyLake],
  ["FROM read_text('{LAKE}/raw-elsewhere/x')", onlyLake],
  ["FROM read_text('{LAKE}/.airlake/embedded.sqlite')", onlyLake],
  ["FROM read_blob('{LAKE}/catalog.duckdb')", onlyLake],
  ["FROM glob('{LAKE}/*')", onlyLake],
  ["FROM glob('{LAKE}/raw/../../*')", onlyLake],
];

describe("refuses", () => {
  test.each(attacks)("%s", async (sql, message) => {
    const filled = sql.replaceAll("{LAKE}", lake.folder).replaceAll("{OUT}", outside).replaceAll("{PART}", part);

    await expect(rowsOf(query, filled)).rejects.toMatchObject({
      name: "CommandError",
      message: expect.stringMatching(message),
    });
  });

  test("a statement that is too long", async () => {
    await expect(rowsOf(query, `SELECT 1 --${"x".repeat(1_000_000)}`)).rejects.toThrow(
      /longer than 1000000 characters/,
    );
  });

  test("links in a pattern's way, without a word of what is behind them", async () => {
    const answer = await rowsOf(query, `FROM read_text('${lake.folder}/raw/**')`).catch((error: unknown) =>
      String(error),
    );

    expect(JSON.stringify(answer)).not.toContain(secret);
  });

  test("deep nesting, without harm", async () => {
    const deep = `${"SELECT * FROM (".repeat(3000)}SELECT 1${")".repeat(3000)}`;

    await expect(rowsOf(query, deep)).rejects.toThrow(/nest|depth|memory/i);
    expect(await rowsOf(query, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  test("all of it without a trace on the disk", async () => {
    const before = await filesOf(lake.folder, outside);

    for (const [sql] of attacks) {
      await rowsOf(
        query,
        sql.replaceAll("{LAKE}", lake.folder).replaceAll("{OUT}", outside).replaceAll("{PART}", part),
      ).catch(() => {});
    }

    expect(await filesOf(lake.folder, outside)).toEqual(before);
    expect(await rowsOf(query, "SELECT place FROM readings")).toEqual([{ place: "Ghent" }]);
  });
});

describe("runs", () => {
  test.each([
    ["DESCRIBE readings", 9],
    ["DESC readings", 9],
    ["DESCRIBE SELECT place FROM readings", 1],
    ["SHOW TABLES", 4],
    ["SHOW ALL TABLES", 4],
    ["SUMMARIZE readings", 9],
    ["SUMMARIZE SELECT celsius FROM readings", 1],
    ["EXPLAIN SELECT * FROM readings", 1],
    ["explain analyze\nselect * from readings", 1],
    ["-- what is there\nEXPLAIN SELECT 1;", 1],
    ["SELECT 1;", 1],
    ["SELECT 1; -- thank you", 1],
    ["FROM readings", 1],
    ["TABLE readings", 1],
    ["VALUES (1), (2)", 2],
    ["WITH r AS (FROM readings) SELECT count(*) FROM r", 1],
    ["WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) FROM n", 5],
    ["SELECT unnest(flags) FROM readings", 0],
    ["SELECT * EXCLUDE (flags) REPLACE (round(celsius) AS celsius) FROM readings", 1],
    ["SELECT columns('c.*') FROM readings", 1],
    ["FROM range(3)", 3],
    ["SELECT s.key, r.place FROM readings AS r JOIN sources AS s USING (source_id)", 1],
    ["PIVOT readings ON country IN ('BE', 'FR') USING avg(celsius) GROUP BY place", 1],
    ["FROM readings QUALIFY row_number() OVER (PARTITION BY country ORDER BY celsius) = 1", 1],
    ["SELECT date_trunc('month', \"at\") AS month, avg(celsius) FROM readings GROUP BY ALL", 1],
    ["SELECT (\"at\" AT TIME ZONE 'Europe/Brussels')::DATE FROM readings", 1],
    ["FROM histogram('readings', 'celsius')", 1],
    ["SELECT unnest(map_entries(reasons)) FROM sources", 1],
    ["SELECT column_name FROM information_schema.columns WHERE table_name = 'readings'", 9],
    ["SELECT comment FROM duckdb_columns() WHERE table_name = 'readings'", 9],
    ["FROM read_json('{LAKE}/ops/manifests/cleaner/weather/*.json')", 1],
    ["FROM read_text('{LAKE}/raw/weather/a.ndjson')", 1],
    ["SELECT * FROM read_parquet('{LAKE}/gold/**/*.parquet')", 1],
    ["FROM parquet_metadata('{PART}') LIMIT 1", 1],
    ["FROM glob('{LAKE}/raw/weather/*.ndjson')", 1],
  ])("%s", async (sql, rows) => {
    const filled = sql.replaceAll("{LAKE}", lake.folder).replaceAll("{PART}", part);

    expect(await rowsOf(query, filled)).toHaveLength(rows);
  });

  test("a PIVOT only with its values, as DuckDB makes several statements of it otherwise", async () => {
    await expect(rowsOf(query, "PIVOT readings ON country USING avg(celsius)")).rejects.toThrow(onlySelect);
  });

  test("the sandbox's own secrets are none: what can be read is as it was", async () => {
    expect(await readFile(join(outside, "secret.txt"), "utf8")).toBe(secret);
  });
});

async function filesOf(...folders: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(folders.map(async (folder) => readdir(folder, { recursive: true })));
  return found.flat().toSorted();
}
