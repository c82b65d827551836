import { expect, test } from "vitest";

import { createBorders, type Place } from "../../src/enrich/borders.ts";
import { loadPlaces } from "../../src/enrich/places.ts";
import { openSession } from "./session.ts";

test("each distinct pair of coordinates becomes one row", async () => {
  await using test = await openSession();
  await test.session
    .run(`create table stations as from (values (50.85, 4.35), (50.85, 4.35), (-20.88, 55.45), (35.0, -50.0), (0.0, -0.0), (0.0, 0.0))
    as t("lat", "Lon ""East""")`);

  const rows = await loadPlaces(test.session, createBorders(), {
    relation: "stations",
    latitude: "lat",
    longitude: 'Lon "East"',
  });

  expect(rows).toBe(4);
  expect(await test.session.rows("from places order by latitude")).toEqual([
    { latitude: -20.88, longitude: 55.45, place_code: "RE", accepted_codes: ["RE", "FR"] },
    { latitude: 0, longitude: 0, place_code: null, accepted_codes: [] },
    { latitude: 35, longitude: -50, place_code: null, accepted_codes: [] },
    { latitude: 50.85, longitude: 4.35, place_code: "BE", accepted_codes: ["BE"] },
  ]);
});

test("coordinates that are on no globe have no row", async () => {
  await using test = await openSession();
  await test.session.run(`create table stations as from (values
    (null, 4.35), (50.85, null), (90.1, 4.35), (50.85, 180.5), ('nan'::double, 4.35), ('inf'::double, 4.35), (50.85, '-inf'::double), (-999, -999)) as t(a, b)`);

  expect(await loadPlaces(test.session, createBorders(), { relation: "stations", latitude: "a", longitude: "b" })).toBe(
    0,
  );
  expect(await test.session.rows("from places")).toEqual([]);
});

test("more points than fit in a chunk are all located, each as it was read", async () => {
  await using test = await openSession();
  await test.session.run(
    "create table stations as select -60 + (i % 71) * 2.0000000000000004 as a, -179 + (i // 71) * 5.1 as b from range(4970) as t(i)",
  );
  const borders = createBorders();

  const rows = await loadPlaces(
    test.session,
    borders,
    { relation: "stations", latitude: "a", longitude: "b" },
    "elsewhere",
  );

  const located = (await test.session.rows(
    "select latitude, longitude, place_code as code, accepted_codes as accepted from elsewhere",
  )) as (Place & {
    latitude: number;
    longitude: number;
  })[];
  const joined = await test.session.rows(
    "select count(*)::int as n from stations join elsewhere on latitude = a and longitude = b",
  );
  expect(rows).toBe(4970);
  expect(joined).toEqual([{ n: 4970 }]);
  expect(located.map(({ code, accepted }) => ({ code, accepted }))).toEqual(
    located.map((at) => borders.locate(at.latitude, at.longitude)),
  );
});

test("a second source replaces the places of the first", async () => {
  await using test = await openSession();
  const borders = createBorders();

  await loadPlaces(test.session, borders, {
    relation: "(select 50.85 as a, 4.35 as b)",
    latitude: "a",
    longitude: "b",
  });
  await loadPlaces(test.session, borders, {
    relation: "(select 48.86 as a, 2.35 as b)",
    latitude: "a",
    longitude: "b",
  });

  expect(await test.session.rows("select place_code from places")).toEqual([{ place_code: "FR" }]);
});

test("points that are located already are not asked for again", async () => {
  await using test = await openSession();
  const asked: string[] = [];
  const borders = createBorders();
  const counting = {
    ...borders,
    locate: (latitude: number, longitude: number): Place => {
      asked.push(`${latitude} ${longitude}`);
      return borders.locate(latitude, longitude);
    },
  };
  await test.session.run("create table stations as select 50.85 as a, 4.35 + (i % 3) as b from range(100000) as t(i)");

  await loadPlaces(test.session, counting, { relation: "stations", latitude: "a", longitude: "b" });

  expect(asked.toSorted()).toEqual(["50.85 4.35", "50.85 5.35", "50.85 6.35"]);
});
