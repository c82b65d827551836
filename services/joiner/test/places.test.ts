import { expect, test } from "vitest";

import { type Borders, createBorders, type Place } from "../src/enrich/borders.ts";
import { loadPlaces } from "../src/enrich/places.ts";
import { openSession } from "./duckdb-session.ts";

test("each distinct pair of coordinates becomes one row", async () => {
  await using opened = await openSession();
  await opened.session
    .run(`create table stations as from (values (50.85, 4.35), (50.85, 4.35), (-20.88, 55.45), (35.0, -50.0), (0.0, -0.0), (0.0, 0.0))
    as t("lat", "Lon ""East""")`);

  const rows = await loadPlaces(opened.session, createBorders(), {
    relation: "stations",
    latitude: "lat",
    longitude: 'Lon "East"',
  });

  expect(rows).toBe(4);
  expect(await opened.session.rows("from places order by latitude")).toEqual([
    { latitude: -20.88, longitude: 55.45, place_code: "RE", accepted_codes: ["RE", "FR"] },
    { latitude: 0, longitude: 0, place_code: null, accepted_codes: [] },
    { latitude: 35, longitude: -50, place_code: null, accepted_codes: [] },
    { latitude: 50.85, longitude: 4.35, place_code: "BE", accepted_codes: ["BE"] },
  ]);
});

test("coordinates that are on no globe have no row", async () => {
  await using opened = await openSession();
  await opened.session.run(`create table stations as from (values
    (null, 4.35), (50.85, null), (90.1, 4.35), (50.85, 180.5), ('nan'::double, 4.35), ('inf'::double, 4.35), (50.85, '-inf'::double), (-999, -999)) as t(a, b)`);

  expect(
    await loadPlaces(opened.session, createBorders(), { relation: "stations", latitude: "a", longitude: "b" }),
  ).toBe(0);
  expect(await opened.session.rows("from places")).toEqual([]);
});

test("more points than fit in a chunk are all located, each as it was read", async () => {
  await using opened = await openSession();
  await opened.session.run(
    "create table stations as select -60 + (i % 71) * 2.0000000000000004::double as a, -179 + (i // 71) * 5.1::double as b from range(4970) as t(i)",
  );
  const borders = createBorders();

  const rows = await loadPlaces(
    opened.session,
    borders,
    { relation: "stations", latitude: "a", longitude: "b" },
    "elsewhere",
  );

  const joined = await opened.session.connection.runAndReadAll(
    `select a, b, place_code, to_json(accepted_codes)::text
     from stations join elsewhere on latitude = a and longitude = b order by a, b`,
  );
  const points = await opened.session.connection.runAndReadAll("select a, b from stations order by a, b");
  expect(rows).toBe(4970);
  expect(joined.getRows()).toEqual(points.getRows().map(([a, b]) => located(borders, Number(a), Number(b))));
});

function located(borders: Borders, latitude: number, longitude: number): readonly unknown[] {
  const { code, accepted } = borders.locate(latitude, longitude);
  return [latitude, longitude, code, JSON.stringify(accepted)];
}

test("a second source replaces the places of the first", async () => {
  await using opened = await openSession();
  const borders = createBorders();

  await loadPlaces(opened.session, borders, {
    relation: "(select 50.85 as a, 4.35 as b)",
    latitude: "a",
    longitude: "b",
  });
  await loadPlaces(opened.session, borders, {
    relation: "(select 48.86 as a, 2.35 as b)",
    latitude: "a",
    longitude: "b",
  });

  expect(await opened.session.rows("select place_code from places")).toEqual([{ place_code: "FR" }]);
});

test("points that are located already are not asked for again", async () => {
  await using opened = await openSession();
  const asked: string[] = [];
  const borders = createBorders();
  const counting = {
    ...borders,
    locate: (latitude: number, longitude: number): Place => {
      asked.push(`${latitude} ${longitude}`);
      return borders.locate(latitude, longitude);
    },
  };
  await opened.session.run(
    "create table stations as select 50.85 as a, 4.35 + (i % 3) as b from range(100000) as t(i)",
  );

  await loadPlaces(opened.session, counting, { relation: "stations", latitude: "a", longitude: "b" });

  expect(asked.toSorted()).toEqual(["50.85 4.35", "50.85 5.35", "50.85 6.35"]);
});
