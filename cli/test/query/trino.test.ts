import { type IncomingMessage, type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { DuckDBValue } from "@duckdb/node-api";
import { describe, expect, onTestFinished, test } from "vitest";

import { checkReading, openTrinoQuery } from "../../src/query/trino/open-trino-query.ts";
import { jsonOf, textOf } from "../../src/query/result-value.ts";

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly headers: IncomingMessage["headers"];
}

/** A server that answers as Trino does: a POST and one GET a page. */
async function trino(
  pages: readonly (object | number)[],
): Promise<{ readonly url: string; readonly asked: readonly Asked[] }> {
  const asked: Asked[] = [];
  const left = [...pages];
  const server: Server = createServer((request, response) => {
    void text(request).then((body) => {
      const { method = "", url: path = "", headers } = request;
      asked.push({ method, path, body, headers });
      const page = method === "DELETE" ? {} : left.shift();
      if (typeof page === "number") return response.writeHead(page).end("busy");
      const next = left.length === 0 ? {} : { nextUri: `http://elsewhere.invalid/v1/next/${left.length}?x=1` };
      // Written by hand: a whole number beyond 2^53 must come as it is.
      return response.writeHead(200).end(JSON.stringify({ ...next, ...page }).replaceAll(/"(\d{17,})"/g, "$1"));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const never = new AbortController().signal;
const queryOf = (url: string) => openTrinoQuery({ url, catalog: "lake", user: "someone" }, []);
const column = (name: string, rawType: string, ...given: readonly object[]) => ({
  name,
  type: rawType,
  typeSignature: { rawType, arguments: given },
});
const inner = (rawType: string) => ({ kind: "TYPE", value: { rawType, arguments: [] } });
const digits = (value: number) => ({ kind: "LONG", value });

describe("a statement that Trino is asked", () => {
  test("gives its rows page by page, and follows Trino wherever it is asked", async () => {
    const columns = [column("country", "varchar"), column("n", "bigint")];
    const { url, asked } = await trino([503, {}, { columns }, { columns, data: [["BE", 1]] }, { data: [["NA", 2]] }]);

    const result = await queryOf(url).run("SELECT 1;", never);
    const rows: unknown[] = [];
    for await (const page of result.chunks) rows.push(...page);

    expect(rows).toEqual([
      ["BE", 1n],
      ["NA", 2n],
    ]);
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /v1/statement",
      "POST /v1/statement",
      "GET /v1/next/3?x=1",
      "GET /v1/next/2?x=1",
      "GET /v1/next/1?x=1",
    ]);
    expect(asked[0]).toMatchObject({
      body: "SELECT 1",
      headers: { "x-trino-user": "someone", "x-trino-catalog": "lake", "x-trino-time-zone": "UTC" },
    });
  });

  test.each([
    [column("v", "bigint"), "9007199254740993", "9007199254740993", "9007199254740993"],
    [column("v", "integer"), 7, 7, "7"],
    [column("v", "double"), 1.5, 1.5, "1.5"],
    [column("v", "double"), "NaN", null, "NaN"],
    [column("v", "boolean"), true, true, "true"],
    [column("v", "varchar"), "é\n", "é\n", "é\n"],
    [column("v", "varchar"), null, null, undefined],
    [column("v", "date"), "2018-02-06", "2018-02-06", "2018-02-06"],
    [column("v", "timestamp"), "2018-02-06 05:00:00.250000", "2018-02-06T05:00:00.25", "2018-02-06T05:00:00.25"],
    [
      column("v", "timestamp with time zone"),
      "2018-02-06 05:00:00.000 UTC",
      "2018-02-06T05:00:00Z",
      "2018-02-06T05:00:00Z",
    ],
    [column("v", "decimal", digits(5), digits(2)), "-1.50", -1.5, "-1.50"],
    [column("v", "array", inner("varchar")), ["a", null], ["a", null], '["a",null]'],
    [column("v", "map", inner("varchar"), inner("bigint")), { a: 1 }, { a: 1 }, '{"a":1}'],
  ])("has its values as DuckDB's are printed: %j %j", async (described, value, asJson, asText) => {
    const { url } = await trino([{ columns: [described], data: [[value]] }]);

    const result = await queryOf(url).run("SELECT v", never);
    const found: DuckDBValue[] = [];
    for await (const page of result.chunks) found.push(...page.flat());

    expect(found.map(jsonOf)).toEqual([asJson]);
    expect(found.map(textOf)).toEqual([asText]);
  });

  test("is ended at Trino when nobody wants more of its rows", async () => {
    const columns = [column("n", "integer")];
    const { url, asked } = await trino([{ columns, data: [[1]] }, { data: [[2]] }]);

    const result = await queryOf(url).run("SELECT n", never);
    for await (const _page of result.chunks) break;

    expect(asked.at(-1)).toMatchObject({ method: "DELETE", path: "/v1/next/1?x=1" });
  });

  test("is refused in Trino's own words, and with where tables are", async () => {
    const { url } = await trino([
      { error: { message: "line 1:8: Column 'x' cannot be resolved", errorName: "COLUMN_NOT_FOUND" } },
    ]);

    const refused = queryOf(url).run("SELECT x", never);

    await expect(refused).rejects.toMatchObject({
      message: "Trino: line 1:8: Column 'x' cannot be resolved (COLUMN_NOT_FOUND)",
      next: "Tables are in lake.default. Try: SHOW TABLES",
    });
  });

  test("is answered in a sentence where Trino is away, or is none", async () => {
    const { url } = await trino([{ columns: "none" }]);

    await expect(queryOf("http://127.0.0.1:1").run("SELECT 1", never)).rejects.toThrow(
      "Trino does not answer at http://127.0.0.1:1 (nobody listens).",
    );
    await expect(queryOf(url).run("SELECT 1", never)).rejects.toThrow("what answers there is no Trino");
  });

  test("ends with the wish to stop", async () => {
    const stop = new AbortController();
    stop.abort(new Error("enough"));
    const { url } = await trino([{}]);

    await expect(queryOf(url).run("SELECT 1", stop.signal)).rejects.toThrow("enough");
  });
});

describe("what Trino may be asked", () => {
  test.each([
    "SELECT 1",
    " (select 1)",
    "-- why\nWITH a AS (SELECT 1) SELECT * FROM a;",
    "/* x */ VALUES 1",
    "TABLE t",
    "SHOW TABLES",
    "DESCRIBE t",
    "EXPLAIN SELECT 1",
    "explain analyze verbose select 1",
    "EXPLAIN (TYPE DISTRIBUTED) SELECT 1",
  ])("%s", (sql) => {
    expect(checkReading(sql)).toBe(sql.trim().replace(/;$/, ""));
  });

  test.each([
    "",
    "DROP TABLE t",
    "INSERT INTO t SELECT 1",
    "EXPLAIN ANALYZE DELETE FROM t",
    "EXPLAIN (TYPE IO) CREATE TABLE t AS SELECT 1",
    "explain analyze /* select */ insert into t values 1",
    "-- SELECT\nCALL system.sync_partition_metadata('a', 'b', 'FULL')",
    "SET SESSION x = 1",
    "SELECTED",
  ])("not: %s", (sql) => {
    expect(() => checkReading(sql)).toThrow("Only a SELECT can be run here");
  });
});
