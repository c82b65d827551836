import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "@airlake/shared/clock";
import { quoteText } from "@airlake/shared/duckdb";
import { DuckDBInstance } from "@duckdb/node-api";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";

import { type Query, openQuery } from "../../src/query/open-query.ts";
import { writeParquet } from "../../src/query/write-parquet.ts";
import { checkTarget } from "../../src/target-file.ts";
import { tempFolder } from "../temp-folder.ts";
import { createQueryLake, weather } from "./query-lake.ts";

let folder = "";
let query: Query;
const signal = new AbortController().signal;

beforeEach(async () => {
  folder = await tempFolder();
  const lake = await createQueryLake();
  onTestFinished(async () => lake[Symbol.asyncDispose]());
  await lake.source({ key: "weather/a.ndjson", readings: [{ place: "Ghent", country: "BE", year: 2018, celsius: 7 }] });
  query = await openQuery({ lake: lake.folder, datasets: [weather()], clock: systemClock });
  onTestFinished(async () => query[Symbol.asyncDispose]());
});

async function write(sql: string, file: string, force = false): Promise<number> {
  return writeParquet(await query.run(sql, signal), { file, force, signal });
}

/** Column names, types and rows of a Parquet file, as another DuckDB reads them. */
async function readBack(file: string): Promise<{ readonly types: readonly unknown[]; readonly rows: unknown }> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  const types = (await connection.runAndReadAll(`DESCRIBE FROM ${quoteText(file)}`)).getRows();
  const rows = (await connection.runAndReadAll(`SELECT * FROM ${quoteText(file)}`)).getRowsJson();
  connection.closeSync();
  instance.closeSync();
  return { types: types.map(([name, type]) => `${String(name)} ${String(type)}`), rows };
}

describe("a query written as Parquet", () => {
  test("keeps types and values, NULLs, order and the names of columns", async () => {
    const file = join(folder, "all.parquet");
    const rows = await write(
      `SELECT TIMESTAMPTZ '2018-02-06 12:00:00.5Z' AS at, DATE '2018-02-06' AS day, 1.50::DECIMAL(20,2) AS price,
              9007199254740993::BIGINT AS big, ['a', NULL, 'ü'] AS list, MAP {'k': 1} AS map, {a: 1, b: ['x']} AS struct,
              NULL AS nothing, true AS yes, 'o''clock' AS "a ""name""", 1 AS a, 2 AS a
       UNION ALL SELECT NULL, NULL, NULL, -1, [], NULL, NULL, NULL, NULL, '', 3, 4`,
      file,
    );

    expect(rows).toBe(2);
    expect(await readBack(file)).toEqual({
      types: [
        "at TIMESTAMP WITH TIME ZONE",
        "day DATE",
        "price DECIMAL(20,2)",
        "big BIGINT",
        "list VARCHAR[]",
        "map MAP(VARCHAR, INTEGER)",
        "struct STRUCT(a INTEGER, b VARCHAR[])",
        "nothing INTEGER",
        "yes BOOLEAN",
        'a "name" VARCHAR',
        "a INTEGER",
        "a_1 INTEGER",
      ],
      rows: [
        [
          "2018-02-06 12:00:00.5+00",
          "2018-02-06",
          "1.50",
          "9007199254740993",
          ["a", null, "ü"],
          [{ key: "k", value: 1 }],
          { a: 1, b: ["x"] },
          null,
          true,
          "o'clock",
          1,
          2,
        ],
        [null, null, null, "-1", [], null, null, null, null, "", 3, 4],
      ],
    });
  });

  test("keeps integers beyond 64 bits exact, and many rows in order", async () => {
    const file = join(folder, "sum.parquet");

    await write("SELECT sum(n) AS total, [sum(n)] AS list FROM (VALUES (9223372036854775807), (2)) t(n)", file);
    const rows = await write("SELECT range AS n FROM range(300000)", join(folder, "many.parquet"));
    const many = await readBack(join(folder, "many.parquet"));

    expect(await readBack(file)).toEqual({
      types: ["total DECIMAL(38,0)", "list DECIMAL(38,0)[]"],
      rows: [["9223372036854775809", ["9223372036854775809"]]],
    });
    expect(rows).toBe(300_000);
    expect((many.rows as string[][]).every(([n], at) => n === String(at))).toBe(true);
  });

  test("of no rows has its columns all the same", async () => {
    const file = join(folder, "none.parquet");

    expect(await write("SELECT place, celsius FROM readings WHERE false", file)).toBe(0);
    expect(await readBack(file)).toEqual({ types: ["place VARCHAR", "celsius DOUBLE"], rows: [] });
  });

  test("replaces a file only when told to", async () => {
    const file = join(folder, "letter.parquet");
    await writeFile(file, "dear diary");

    await expect(checkTarget({ file, force: false })).rejects.toThrow(/is there already/);
    await expect(write("SELECT 1 AS a", file)).rejects.toThrow(/is there already/);
    const before = await readFile(file, "utf8");
    await checkTarget({ file, force: true });
    await write("SELECT 1 AS a", file, true);

    expect(before).toBe("dear diary");
    expect((await readBack(file)).rows).toEqual([[1]]);
    expect(await readdir(folder)).toEqual(["letter.parquet"]);
  });

  test("that fails, or is stopped on the way, leaves nothing behind", async () => {
    const file = join(folder, "half.parquet");
    const fails = write(
      "SELECT CASE WHEN range < 100000 THEN 1 ELSE error('bad')::INT END AS a FROM range(200000)",
      file,
    );
    await expect(fails).rejects.toThrow(/bad/);
    const stopping = new AbortController();
    const endless = await query.run("SELECT range AS n FROM range(10000000000)", stopping.signal);

    const stopped = writeParquet(endless, { file, force: false, signal: stopping.signal });
    await expect.poll(async () => (await readdir(folder)).length).toBe(1);
    stopping.abort(new Error("enough"));

    await expect(stopped).rejects.toThrow(/enough/);
    expect(await readdir(folder)).toEqual([]);
  });

  test("is refused for a folder, a folder that is not there, and standard output", async () => {
    await mkdir(join(folder, "there"));

    await expect(checkTarget({ file: join(folder, "there"), force: true })).rejects.toThrow(/is a folder/);
    await expect(checkTarget({ file: join(folder, "no", "x.parquet"), force: false })).rejects.toThrow(
      /its folder is not there/,
    );
  });

  test("gives the query itself no way to write", async () => {
    const file = join(folder, "x.parquet");

    await expect(write(`COPY (SELECT 1) TO ${quoteText(file)}`, join(folder, "y.parquet"))).rejects.toThrow(
      /Only a SELECT/,
    );
    expect(existsSync(file)).toBe(false);
  });
});
