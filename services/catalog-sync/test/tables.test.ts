import { columnTypes } from "@airlake/shared/contracts/dataset";
import { manifestSchema } from "@airlake/shared/contracts/manifest";
import { duckDbType, hiveType } from "@airlake/shared/contracts/column-types";
import { partitionLocation, tablesOf } from "@airlake/shared/contracts/tables";
import { DuckDBInstance } from "@duckdb/node-api";
import { expect, test } from "vitest";

import { buckets, weather } from "./weather.ts";

const tables = tablesOf(weather("weather"), buckets);

test("gives a dataset its own table, quarantine, countries and sources", () => {
  expect(
    tables.map(({ database, name, storage, location }) => [database, name, storage, location.bucket, location.prefix]),
  ).toEqual([
    ["weather", "readings", "parquet", "gold", "weather/readings/"],
    ["weather", "quarantine", "parquet", "silver", "weather/quarantine/"],
    ["weather", "countries", "parquet", "gold", "reference/countries/"],
    ["weather", "sources", "json", "ops", "manifests/cleaner/weather/"],
  ]);
});

test("gives no table of countries to a dataset that does not use it", () => {
  const names = tablesOf({ ...weather("weather"), enrichments: [] }, buckets).map(({ name }) => name);

  expect(names).toEqual(["readings", "quarantine", "sources"]);
});

test("says of every column what it means", () => {
  const without = tables.flatMap((table) =>
    [...table.columns, ...table.partitions].filter(({ comment }) => comment === ""),
  );

  expect(without).toEqual([]);
});

test("reads only what a manifest has", () => {
  const sources = tables.find(({ name }) => name === "sources");
  const members = sources?.columns.map((column) => column.member ?? column.name) ?? [];

  expect(members.filter((member) => !(member in manifestSchema.shape))).toEqual([]);
});

test("places a partition below its table", () => {
  expect(partitionLocation(tables[0]!, "country=BE/year=2018")).toEqual({
    bucket: "gold",
    prefix: "weather/readings/country=BE/year=2018/",
  });
});

test.each(columnTypes)("has a name for %s that DuckDB takes, and one for Hive", async (type) => {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();

  const reader = await connection.runAndReadAll(`SELECT typeof(NULL::${duckDbType(type)}) AS name`);

  expect(reader.getRows()).toEqual([[duckDbType(type)]]);
  expect(hiveType(type)).toMatch(/^[a-z]+(<[a-z]+>)?$/);
  connection.closeSync();
  instance.closeSync();
});

test("has a DuckDB type for the JSON of the manifests", async () => {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const types =
    tables.find(({ name }) => name === "sources")?.columns.map(({ type }) => `NULL::${duckDbType(type)}`) ?? [];

  const reader = await connection.runAndReadAll(`SELECT ${types.join(", ")}`);

  expect(reader.columnCount).toBe(16);
  connection.closeSync();
  instance.closeSync();
});
