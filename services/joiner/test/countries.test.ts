import { join } from "node:path";

import { countryColumns } from "@airlake/shared/contracts/dataset";
import { quoteText } from "@airlake/shared/duckdb";
import { fixturesFolder } from "@airlake/shared/testing/fixtures";
import { describe, expect, test } from "vitest";

import { countriesFingerprint, countryTable, loadCountries, writeCountries } from "../src/enrich/countries.ts";
import { openSession } from "./duckdb-session.ts";

const folder = fixturesFolder();

describe("the table of countries", () => {
  test("has every country of ISO 3166-1 and Kosovo once, in order", () => {
    const codes = countryTable().map(({ alpha2 }) => alpha2);

    expect(codes).toHaveLength(250);
    expect(codes).toEqual([...new Set(codes)].toSorted());
  });

  test("has no empty cell", () => {
    for (const country of countryTable()) {
      expect(country).toEqual({
        alpha2: expect.stringMatching(/^[A-Z]{2}$/),
        alpha3: expect.stringMatching(/^[A-Z]{3}$/),
        numeric: country.alpha2 === "XK" ? null : expect.stringMatching(/^\d{3}$/),
        name: expect.stringMatching(/^\p{Lu}[\p{L} .,'’()-]+$/u),
        region: expect.stringMatching(/^(Africa|Americas|Antarctic|Asia|Europe|Oceania)$/),
      });
    }
  });

  test.each([
    { alpha2: "NA", alpha3: "NAM", numeric: "516", name: "Namibia", region: "Africa" },
    { alpha2: "XK", alpha3: "XKX", numeric: null, name: "Kosovo", region: "Europe" },
    { alpha2: "AF", alpha3: "AFG", numeric: "004", name: "Afghanistan", region: "Asia" },
    { alpha2: "KR", alpha3: "KOR", numeric: "410", name: "South Korea", region: "Asia" },
    { alpha2: "SS", alpha3: "SSD", numeric: "728", name: "South Sudan", region: "Africa" },
  ])("knows $name", (country) => {
    expect(countryTable()).toContainEqual(country);
  });

  test("is known by the same fingerprint as long as it is the same", () => {
    expect(countriesFingerprint()).toBe("e24240c7380e0b5d4551ee968690e8678e948c677fe5d01202d889e84faf3361");
  });
});

describe("the table in DuckDB", () => {
  test("has the columns of the contract, all text, and every country", async () => {
    await using opened = await openSession();

    await loadCountries(opened.session);

    const described = await opened.session.rows(`select column_name, column_type from (describe countries)`);
    expect(described).toEqual(countryColumns.map(({ name }) => ({ column_name: name, column_type: "VARCHAR" })));
    expect(await opened.session.rows("from countries order by alpha2")).toEqual(countryTable());
  });

  test("is written to Parquet with the same rows in the same order", async () => {
    await using opened = await openSession();
    const path = join(opened.folder, "it's countries.parquet");

    await writeCountries(opened.session, path);

    expect(await opened.session.rows(`from read_parquet(${quoteText(path)})`)).toEqual(countryTable());
    expect(await opened.session.rows("select table_name from duckdb_tables()")).toEqual([]);
  });
});

test.skipIf(folder === undefined)("a published list of ISO 3166-1 has the very same codes", async () => {
  await using opened = await openSession();
  const list = await opened.copyIn(join(folder ?? "", "iso-countries/datasets-country-codes.csv.gz"));

  const published = await opened.session.rows(`
    select "ISO3166-1-Alpha-2" as alpha2, "ISO3166-1-Alpha-3" as alpha3, "ISO3166-1-numeric".lpad(3, '0') as numeric
    from read_csv(${quoteText(list)}, all_varchar = true, header = true, nullstr = '') order by alpha2`);

  const ours = countryTable().filter(({ alpha2 }) => alpha2 !== "XK");
  expect(published).toHaveLength(249);
  expect(ours.map(({ alpha2, alpha3, numeric }) => ({ alpha2, alpha3, numeric }))).toEqual(published);
});
