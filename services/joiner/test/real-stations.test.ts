/** The borders on real stations: what is flagged, and that every such row is rightly so, is told in docs/borders.md. */
import { join } from "node:path";

import { type DuckDbSession, quoteText } from "@airlake/shared/duckdb";
import { fixturesFolder } from "@airlake/shared/testing/fixtures";
import { describe, expect, test } from "vitest";

import { createBorders } from "../src/enrich/borders.ts";
import { loadCountries } from "../src/enrich/countries.ts";
import { loadPlaces } from "../src/enrich/places.ts";
import { openSession } from "./duckdb-session.ts";

const folder = fixturesFolder();
const fixture = (name: string): string => join(folder ?? "", name);

describe.skipIf(folder === undefined)("the borders on real stations", () => {
  test("on the reference day one station alone is outside its country", async () => {
    await using opened = await openSession();
    const day = await opened.copyIn(fixture("derived-legacy-csv/2018-02-06.csv.gz"));
    await opened.session.run(`create table stations as
      select country as code, location as label, try_cast(latitude as double) as latitude, try_cast(longitude as double) as longitude
      from read_csv(${quoteText(day)}, all_varchar = true, header = true, quote = '"', escape = '"')`);

    await loadTables(opened.session);

    expect(await flagged(opened.session)).toEqual([{ code: "GB", place_code: "IE", label: "Mace Head", rows: 17 }]);
  });

  test("on a day of 2024 the border stations that were given to the neighbour are found, by name", async () => {
    await using opened = await openSession();
    const day = await opened.copyIn(fixture("opendatasoft-csv/openaq-world-2024-04.csv.gz"));
    await opened.session.run(`create table stations as
      select "Country Code" as code, coalesce(City, Location) as label,
        try_cast(split_part(Coordinates, ', ', 1) as double) as latitude, try_cast(split_part(Coordinates, ', ', 2) as double) as longitude
      from read_csv(${quoteText(day)}, all_varchar = true, header = true, delim = ';', quote = '"', escape = '"')`);

    await loadTables(opened.session);

    const rows = await flagged(opened.session);
    expect(rows).toContainEqual({ code: "FR", place_code: "AD", label: "Escaldes-Engordany", rows: 7 });
    expect(rows).toContainEqual({ code: "IT", place_code: "FR", label: "CHAMONIX-MONT-BLANC", rows: 7 });
    expect(rows).toContainEqual({ code: "SE", place_code: "NO", label: "Halden", rows: 1 });
    expect(await opened.session.rows("select sum(n)::int as rows from flagged")).toEqual([{ rows: 147 }]);
  });

  test("a FIPS code that passes for another country's ISO code is outside that country, at every real station", async () => {
    await using opened = await openSession();
    const day = await opened.copyIn(fixture("derived-legacy-csv/2018-02-06.csv.gz"));
    const list = await opened.copyIn(fixture("iso-countries/datasets-country-codes.csv.gz"));
    await opened.session.run(`create table stations as
      select FIPS as code, location as label, latitude::double as latitude, longitude::double as longitude
      from read_csv(${quoteText(day)}, all_varchar = true, header = true, quote = '"', escape = '"')
      join read_csv(${quoteText(list)}, all_varchar = true, header = true) on country = "ISO3166-1-Alpha-2"
      where latitude is not null and location <> 'Mace Head' and FIPS <> country`);

    await loadTables(opened.session);

    const counts = await opened.session.rows(`
      select count(*)::int as planted, (select sum(n)::int from flagged) as found
      from stations join countries on code = alpha2 join places using (latitude, longitude) where place_code is not null`);
    expect(counts).toEqual([{ planted: 298_582, found: 298_582 }]);
  });
});

async function loadTables(session: DuckDbSession): Promise<void> {
  await loadCountries(session);
  await loadPlaces(session, createBorders(), { relation: "stations", latitude: "latitude", longitude: "longitude" });
  await session.run(`create view flagged as
    select code, place_code, label, count(*) as n
    from stations join places using (latitude, longitude) join countries on code = alpha2
    where place_code is not null and not list_contains(accepted_codes, code) group by all`);
}

async function flagged(session: DuckDbSession): Promise<readonly unknown[]> {
  return session.rows("select code, place_code, label, n::int as rows from flagged order by all");
}
