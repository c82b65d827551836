/** The countries of the world as a reference table: ISO 3166-1, and XK for Kosovo, which the world's data uses too. */
import { createHash } from "node:crypto";
import { createRequire } from "node:module";

import { type DuckDbSession, quoteName, quoteText } from "@airlake/shared/duckdb";
import { DuckDBDataChunk, VARCHAR } from "@duckdb/node-api";
import type { Country as ListedCountry } from "world-countries";

/** One row of the table `countries`; the fields are its columns, in this order. */
export interface Country {
  /** Two upper-case letters. Text: NA is Namibia. */
  readonly alpha2: string;
  /** Three upper-case letters. */
  readonly alpha3: string;
  /** Three digits, as text; null for Kosovo, to which ISO and the UN have given none. */
  readonly numeric: string | null;
  /** The common English name ("South Korea"), not the official one ("Republic of Korea"): it is what people look for. */
  readonly name: string;
  /** Africa, Americas, Antarctic, Asia, Europe or Oceania. */
  readonly region: string;
}

/** Kosovo has no code of ISO's. XK is user-assigned; its three letters are those that the World Bank and the IMF write. */
const kosovo = { alpha3: "XKX", numeric: null } as const;

/** All countries, by alpha2. */
export function countryTable(): readonly Country[] {
  return listed()
    .map((country) => ({
      alpha2: country.cca2,
      alpha3: country.cca2 === "XK" ? kosovo.alpha3 : country.cca3,
      numeric: country.cca2 === "XK" ? kosovo.numeric : country.ccn3,
      name: country.name.common,
      region: country.region,
    }))
    .toSorted((a, b) => (a.alpha2 < b.alpha2 ? -1 : 1));
}

/** What the table's contents are known by: 64 hex characters that change with any of its cells. */
export function countriesFingerprint(): string {
  return createHash("sha256")
    .update(JSON.stringify(rowsOf(countryTable())))
    .digest("hex");
}

/**
 * Makes the temporary table `countries` in the session, all columns text; one that is there is replaced.
 * @param table another name for it
 */
export async function loadCountries(session: DuckDbSession, table = "countries"): Promise<void> {
  await session.run(
    `create or replace temp table ${quoteName(table)} (alpha2 varchar, alpha3 varchar, "numeric" varchar, name varchar, region varchar)`,
  );
  const rows = rowsOf(countryTable());
  const chunk = DuckDBDataChunk.create([VARCHAR, VARCHAR, VARCHAR, VARCHAR, VARCHAR], rows.length);
  chunk.setRows(rows);
  const appender = await session.connection.createAppender(table);
  try {
    appender.appendDataChunk(chunk);
    appender.flushSync();
  } finally {
    appender.closeSync();
  }
}

/**
 * Writes the table as one Parquet file, sorted by alpha2.
 * @param path a file in the session's folder; one that is there is replaced
 */
export async function writeCountries(session: DuckDbSession, path: string): Promise<void> {
  const table = "countries_to_write";
  await loadCountries(session, table);
  await session.run(`copy (from ${table} order by alpha2) to ${quoteText(path)} (format parquet, compression zstd)`);
  await session.run(`drop table ${table}`);
}

function rowsOf(countries: readonly Country[]): (readonly (string | null)[])[] {
  return countries.map(({ alpha2, alpha3, numeric, name, region }) => [alpha2, alpha3, numeric, name, region]);
}

/** The library's ESM entry imports JSON without its attribute, which Node refuses, so its CommonJS one is asked for by name. */
function listed(): readonly ListedCountry[] {
  const rows: readonly ListedCountry[] = createRequire(import.meta.url)("world-countries");
  return rows;
}
