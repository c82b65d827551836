/** The table `places`: where the coordinates of a source lie, for the joiner's SQL. */
import { type DuckDbSession, quoteName } from "@airlake/shared/duckdb";
import { DOUBLE, DuckDBDataChunk, LIST, listValue, VARCHAR } from "@duckdb/node-api";

import type { Borders } from "./borders.ts";

/** Where the coordinates are read from. */
export interface Coordinates {
  /** What stands behind FROM: a table's name or a call such as read_parquet('…'). SQL of ours, never a source's text. */
  readonly relation: string;
  /** Its columns with degrees north and east, by name. They are numbers. */
  readonly latitude: string;
  readonly longitude: string;
}

interface Point {
  readonly latitude: number;
  readonly longitude: number;
}

/** DuckDB's vector size, the most that a data chunk holds: so many points are in memory at once, and located in about 20 ms. */
const chunkRows = 2048;

/**
 * Makes the temporary table `places` in the session; one that is there is replaced. It has one row for each distinct pair of
 * coordinates on the globe (none for NULL, NaN, infinite or out of range ones):
 * `latitude double`, `longitude double` as they are in the relation; `place_code varchar`, the country or territory that the
 * point lies in, null at sea; `accepted_codes varchar[]`, every code that is right there, empty on the high sea, never null.
 * @param table another name for it
 * @returns the number of its rows
 */
export async function loadPlaces(
  session: DuckDbSession,
  borders: Borders,
  coordinates: Coordinates,
  table = "places",
): Promise<number> {
  const latitude = quoteName(coordinates.latitude);
  const longitude = quoteName(coordinates.longitude);
  await session.run(
    `create or replace temp table ${quoteName(table)} (latitude double, longitude double, place_code varchar, accepted_codes varchar[])`,
  );
  // Staged first: appending while a result of the same connection is still open would end that result.
  await session.run(`
    create or replace temp table places_to_locate as
    select distinct ${latitude}::double as latitude, ${longitude}::double as longitude
    from ${coordinates.relation}
    where ${latitude} between -90 and 90 and ${longitude} between -180 and 180`);
  const rows = await appendPlaces(session, borders, table);
  await session.run("drop table places_to_locate");
  return rows;
}

async function appendPlaces(session: DuckDbSession, borders: Borders, table: string): Promise<number> {
  const appender = await session.connection.createAppender(table);
  try {
    for (let located = 0; ; located += chunkRows) {
      // The rowids of a new table count from 0 without a gap.
      const rows = await session.rows(
        `select latitude, longitude from places_to_locate where rowid >= ${located} and rowid < ${located + chunkRows}`,
      );
      if (rows.length > 0) appender.appendDataChunk(chunkOf(rows.map(pointOf), borders));
      appender.flushSync();
      if (rows.length < chunkRows) return located + rows.length;
    }
  } finally {
    appender.closeSync();
  }
}

function pointOf(row: unknown): Point {
  if (typeof row === "object" && row !== null && "latitude" in row && "longitude" in row) {
    const { latitude, longitude } = row;
    if (typeof latitude === "number" && typeof longitude === "number") return { latitude, longitude };
  }
  throw new TypeError(`no point: ${JSON.stringify(row)}`);
}

function chunkOf(points: readonly Point[], borders: Borders): DuckDBDataChunk {
  const places = points.map(({ latitude, longitude }) => borders.locate(latitude, longitude));
  const chunk = DuckDBDataChunk.create([DOUBLE, DOUBLE, VARCHAR, LIST(VARCHAR)], points.length);
  chunk.setColumns([
    points.map(({ latitude }) => latitude),
    points.map(({ longitude }) => longitude),
    places.map(({ code }) => code),
    places.map(({ accepted }) => listValue(accepted)),
  ]);
  return chunk;
}
