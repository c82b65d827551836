import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { writeCsv } from "../../src/query/format-csv.ts";
import { writeJson } from "../../src/query/format-json.ts";
import { tableLines } from "../../src/query/format-table.ts";
import type { Query } from "../../src/query/open-query.ts";
import { type QueryLake, createQueryLake, weather } from "./query-lake.ts";
import { jsonRows, openFor, written } from "./rows.ts";

let lake: QueryLake;
let query: Query;
beforeAll(async () => {
  lake = await createQueryLake();
  query = await openFor(lake.folder, weather());
});
afterAll(async () => {
  await query[Symbol.asyncDispose]();
  await lake[Symbol.asyncDispose]();
});

const run = async (sql: string) => query.run(sql, new AbortController().signal);
const json = async (sql: string) => jsonRows(await run(sql));
const csv = async (sql: string) => written(await run(sql), writeCsv);
const table = async (sql: string, width = Infinity) => tableLines(await run(sql), { width, title: (text) => text });

describe("as JSON", () => {
  test.each([
    ["1::BIGINT", 1],
    ["9007199254740991::BIGINT", 9_007_199_254_740_991],
    ["9007199254740993::BIGINT", "9007199254740993"],
    ["-12345678901234567890::HUGEINT", "-12345678901234567890"],
    ["12.50::DECIMAL(10,2)", 12.5],
    ["-0.05::DECIMAL(3,2)", -0.05],
    ["1234567890123456.78::DECIMAL(18,2)", "1234567890123456.78"],
    ["0.1::DOUBLE", 0.1],
    ["1e300::DOUBLE", 1e300],
    ["'nan'::DOUBLE", null],
    ["'-infinity'::DOUBLE", null],
    ["1.5::FLOAT", 1.5],
    ["true", true],
    ["NULL", null],
    ["'µg/m³ \"' || chr(10) || chr(92)", 'µg/m³ "\n\\'],
    ["TIMESTAMPTZ '2018-02-06 12:00:00+05:30'", "2018-02-06T06:30:00Z"],
    ["TIMESTAMPTZ '2018-02-06 12:00:00.123456+00'", "2018-02-06T12:00:00.123456Z"],
    ["TIMESTAMP '2018-02-06 12:00:00.5'", "2018-02-06T12:00:00.5"],
    ["TIMESTAMP_S '2018-02-06 12:00:00'", "2018-02-06T12:00:00"],
    ["TIMESTAMP_NS '2018-02-06 12:00:00.123456789'", "2018-02-06T12:00:00.123456789"],
    ["TIMESTAMP 'infinity'", "infinity"],
    ["DATE '2018-02-06'", "2018-02-06"],
    ["TIME '12:34:56'", "12:34:56"],
    ["INTERVAL 90 MINUTE", "01:30:00"],
    ["['a', NULL]", ["a", null]],
    ["[]::VARCHAR[]", []],
    ["array_value(1, 2)", [1, 2]],
    ["{'at': TIMESTAMPTZ '2018-02-06 00:00:00Z', 'n': [1]}", { at: "2018-02-06T00:00:00Z", n: [1] }],
    ["MAP {'b': 1, 'a': 2}", { b: 1, a: 2 }],
    ["MAP {1: 'x'}", [{ key: 1, value: "x" }]],
    ["union_value(n := 1)", 1],
    ["'x'::ENUM('x')", "x"],
    ["uuid '95ec26f9-fb2d-4929-95cb-c5d3115096fc'", "95ec26f9-fb2d-4929-95cb-c5d3115096fc"],
  ])("writes %s", async (expression, expected) => {
    expect(await json(`SELECT ${expression} AS value`)).toEqual([{ value: expected }]);
  });

  test("keeps the order of columns, and tells those of the same name apart", async () => {
    const text = await written(await run('SELECT 1 AS z, 2 AS "1", 3 AS z, 4 AS z_1, 5 AS z'), writeJson);

    expect(text).toBe('[\n{"z":1,"1":2,"z_2":3,"z_1":4,"z_3":5}\n]\n');
  });

  test("writes an empty array where there are no rows", async () => {
    expect(await written(await run("SELECT 1 AS a WHERE false"), writeJson)).toBe("[]\n");
  });

  test("writes many rows in pieces that are one array together", async () => {
    const pieces: string[] = [];
    await writeJson(await run("SELECT range AS n FROM range(10000)"), async (text) => {
      pieces.push(text);
    });

    const rows = JSON.parse(pieces.join("")) as { n: number }[];

    expect(pieces.length).toBeGreaterThan(3);
    expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: 10_000 }, (_, at) => at));
  });
});

describe("as CSV", () => {
  test("quotes what needs it, and tells NULL from empty text", async () => {
    const text = await csv(
      `SELECT 'a,b' AS "x,y", 'say "hi"' AS q, 'two' || chr(10) || 'lines' AS l, NULL AS n, '' AS e, ' s' AS s, 'µg' AS u`,
    );

    expect(text).toBe('"x,y",q,l,n,e,s,u\r\n"a,b","say ""hi""","two\nlines",,""," s",µg\r\n');
  });

  test("writes instants as JSON does, all digits of a number, and lists as JSON", async () => {
    const text = await csv(
      "SELECT TIMESTAMPTZ '2018-02-06 12:00:00Z' AS t, 9007199254740993 AS b, 3.10::DECIMAL(4,2) AS d, 0.1 + 0.2::DOUBLE AS f, " +
        "'nan'::DOUBLE AS x, ['a', 'b'] AS l, MAP {'k': 1} AS m, true AS y",
    );

    expect(text.split("\r\n")[1]).toBe(
      '2018-02-06T12:00:00Z,9007199254740993,3.10,0.30000000000000004,NaN,"[""a"",""b""]","{""k"":1}",true',
    );
  });

  test("writes the header alone where there are no rows, and a line for a lone NULL", async () => {
    expect(await csv("SELECT 1 AS a WHERE false")).toBe("a\r\n");
    expect(await csv("SELECT NULL AS a")).toBe('a\r\n""\r\n');
  });
});

describe("as a table", () => {
  test("puts numbers right and text left, and counts the rows", async () => {
    const lines = await table("SELECT * FROM (VALUES ('Ghent', 4.5, 12), ('北京', NULL, 1234)) AS v(place, mean, n)");

    expect(lines).toEqual(["place  mean     n", "Ghent   4.5    12", "北京   NULL  1234", "(2 rows)"]);
  });

  test("says one row, and none", async () => {
    expect((await table("SELECT 1 AS a")).at(-1)).toBe("(1 row)");
    expect(await table("SELECT 1 AS a WHERE false")).toEqual(["a", "(0 rows)"]);
  });

  test("cuts long text so that the table fits, and shows what would move the cursor", async () => {
    const lines = await table("SELECT repeat('long text ', 20) AS t, chr(27) || '[2J' || chr(10) AS e, 7 AS n", 60);

    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
    expect(lines.join("\n")).not.toContain("\u001B");
    expect(lines[1]).toMatch(/^long text.*….*7$/);
  });

  test("shows one record after the other where a table cannot fit", async () => {
    const columns = Array.from({ length: 12 }, (_, at) => `'text number ${at}' AS column_${at}`);
    const lines = await table(`SELECT ${columns.join(", ")} FROM range(2)`, 80);

    expect(lines.slice(0, 3)).toEqual(["record 1", "  column_0   text number 0", "  column_1   text number 1"]);
    expect(lines[13]).toBe("record 2");
    expect(lines.at(-1)).toBe("(2 rows)");
  });

  test("shows the first thousand rows of many, and says where the others are", async () => {
    const lines = await table("SELECT range AS n FROM range(1000000000)");

    expect(lines).toHaveLength(1002);
    expect(lines.at(-1)).toBe("(the first 1,000 rows; all of them with --csv or --json)");
    expect((await table("SELECT range AS n FROM range(1000)")).at(-1)).toBe("(1,000 rows)");
  });

  test("shows a plan as DuckDB draws it", async () => {
    const lines = await table("EXPLAIN SELECT place FROM readings", 40);

    expect(lines[0]).toMatch(/^┌─+┐/);
  });
});
