import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { type PartList, neededParts } from "../../src/query/aws/needed-parts.ts";
import { partsQuery } from "../../src/query/parts-view.ts";

const countries = ["BE", "DE", "NA", "US", "ZZ"];
const months = ["01", "02", "11"];
const columns = [
  { name: "place", type: "text", comment: "Where" },
  { name: "celsius", type: "double", comment: "How warm" },
] as const;

/** Two tables and a quarantine over empty files: nothing can be read of them. */
describe("parts that a statement needs", () => {
  let folder: string;
  let connection: DuckDBConnection;
  let lists: readonly PartList[];
  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), "airlake-needed-")));
    connection = await (await DuckDBInstance.create(":memory:")).connect();
    const partitions = countries.flatMap((country) => months.map((month) => `country=${country}/month=${month}`));
    lists = [
      await table(
        "readings",
        partitions.flatMap((path) => [`${path}/a.parquet`, `${path}/b.parquet`]),
      ),
      await table(
        "others",
        partitions.slice(0, 4).map((path) => `${path}/c.parquet`),
      ),
      await table("quarantine", ["q.parquet", "r.parquet"]),
    ];
  });
  afterAll(async () => {
    connection.closeSync();
    await rm(folder, { recursive: true, force: true });
  });

  async function table(name: string, files: readonly string[]): Promise<PartList> {
    const isGold = name !== "quarantine";
    const paths = files.map((file) => join(folder, name, file));
    for (const path of paths) await mkdir(dirname(path), { recursive: true });
    for (const path of paths) await writeFile(path, "");
    const variable = `parts of ${name}`;
    await connection.run(`SET VARIABLE "${variable}" = ['${paths.join("','")}']`);
    const partitions = isGold
      ? ([
          { name: "country", type: "text" },
          { name: "month", type: "int" },
        ] as const)
      : [];
    const variables = { asDeclared: undefined, others: variable };
    const query = partsQuery({ columns, partitions, folder: join(folder, name), isGold, variables });
    await connection.run(`CREATE VIEW ${name} AS ${query}`);
    return { kind: isGold ? "gold" : "quarantine", variable, paths };
  }

  /** Partitions of `readings`, and how many files of the other lists. */
  async function needed(sql: string): Promise<string> {
    const paths = await neededParts(connection, sql, lists);
    const of = (name: string): readonly string[] =>
      [...paths]
        .filter((path) => path.startsWith(join(folder, name)))
        .map((path) => path.slice(folder.length + name.length + 2));
    const partitions = new Set(of("readings").map((path) => path.replaceAll(/country=|month=|\/[ab]\.parquet$/g, "")));
    expect(of("readings")).toHaveLength(partitions.size * 2);
    const rest = ["others", "quarantine"].flatMap((name) =>
      of(name).length === 0 ? [] : [`${name} ${of(name).length}`],
    );
    const isAll = partitions.size === countries.length * months.length;
    return [...(isAll ? ["all"] : [...partitions].toSorted()), ...rest].join(", ");
  }

  test.each([
    ["SELECT count(*) FROM readings", "all"],
    ["SELECT count(*) FROM readings WHERE country = 'BE'", "BE/01, BE/02, BE/11"],
    ["SELECT avg(celsius) FROM readings WHERE country IN ('NA', 'ZZ') AND month = 2 AND celsius > 3", "NA/02, ZZ/02"],
    ["SELECT * FROM readings WHERE month BETWEEN 2 AND 11 AND country LIKE 'U%'", "US/02, US/11"],
    ["SELECT * FROM readings WHERE country = 'XX'", ""],
    ["SELECT * FROM readings WHERE country = 'BE' AND month = 1 OR country = 'US' AND month = 11", "BE/01, US/11"],
    ["SELECT * FROM readings WHERE country = 'BE' OR celsius > 3", "all"],
    ["SELECT * FROM readings WHERE lower(country) = 'de' AND month = 2", "DE/02"],
    ["SELECT 1", ""],
    ["DESCRIBE readings", ""],
    ["SUMMARIZE readings", "all"],
    ["WITH r AS (SELECT * FROM readings WHERE month = 1) SELECT * FROM r WHERE country = 'DE'", "DE/01"],
    ["SELECT country, count(*) FROM readings GROUP BY country HAVING country = 'BE'", "BE/01, BE/02, BE/11"],
    [
      "SELECT * FROM readings a JOIN readings b USING (place) WHERE a.country = 'BE' AND b.month = 11 AND b.country = 'US'",
      "BE/01, BE/02, BE/11, US/11",
    ],
    [
      "SELECT * FROM readings WHERE country = 'BE' AND month = 1 UNION ALL FROM readings WHERE month = 2 AND country = 'ZZ'",
      "BE/01, ZZ/02",
    ],
    ["SELECT * FROM readings WHERE country = (SELECT max(country) FROM readings WHERE month = 1)", "all"],
    [
      "SELECT * FROM readings WHERE country = 'XX' AND EXISTS (FROM readings WHERE country = 'BE' AND month = 1)",
      "BE/01",
    ],
    ["SELECT * FROM quarantine", "quarantine 2"],
    ["SELECT * FROM readings JOIN quarantine USING (place) WHERE country = 'NA' AND month = 1", "NA/01, quarantine 2"],
    ["SELECT * FROM others WHERE country = 'BE'", "others 3"],
    // Of two tables at once it cannot be told which scan is of which: all of both.
    ["SELECT * FROM readings r, others o WHERE r.country = 'BE' AND o.country = 'DE'", "all, others 4"],
  ])("are found for %s", async (sql, expected) => {
    expect(await needed(sql)).toBe(expected);
  });

  test("leave the views as they were", async () => {
    await needed("SELECT * FROM readings WHERE country = 'BE'");

    const found = await connection.runAndReadAll("SELECT len(getvariable('parts of readings'))");

    expect(found.getRows()).toEqual([[30n]]);
  });
});
