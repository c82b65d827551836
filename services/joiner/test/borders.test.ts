import { createRequire } from "node:module";

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { createBorders } from "../src/enrich/borders.ts";
import { countryTable } from "../src/enrich/countries.ts";

const borders = createBorders();
const codes = new Set(countryTable().map((country) => country.alpha2));

function accepts(code: string, latitude: number, longitude: number): boolean {
  return borders.locate(latitude, longitude).accepted.includes(code);
}

describe("a point on land", () => {
  test.each([
    ["BE", 50.85, 4.35, "Brussels"],
    ["CN", 39.92, 116.41, "Beijing"],
    ["AU", -40.8505, 145.133, "Smithton, Tasmania"],
    ["NA", -22.57, 17.08, "Windhoek"],
    ["US", 61.22, -149.9, "Anchorage"],
    ["CA", 43.709444, -79.5435, "Toronto"],
    ["LS", -29.31, 27.48, "Maseru, inside South Africa"],
    ["VA", 41.9029, 12.4534, "the Vatican"],
    ["ES", 28.12, -15.43, "Las Palmas, for which there is a reserved code IC"],
    ["FR", 48.86, 2.35, "Paris, for which there is a reserved code FX"],
    ["XK", 42.66, 21.16, "Pristina"],
  ])("lies in %s at %f, %f (%s)", (code, latitude, longitude) => {
    expect(borders.locate(latitude, longitude).code).toBe(code);
  });

  test("accepts one code where no border is near", () => {
    expect(borders.locate(50.85, 4.35)).toEqual({ code: "BE", accepted: ["BE"] });
  });

  test("accepts no country that is only near-by", () => {
    expect(accepts("CH", 48.58, 7.75)).toBe(false);
  });
});

describe("a territory", () => {
  test.each([
    ["RE", "FR", -20.88, 55.45],
    ["GP", "FR", 16.24, -61.53],
    ["MQ", "FR", 14.61, -61.07],
    ["GF", "FR", 4.92, -52.31],
    ["YT", "FR", -12.78, 45.23],
    ["PR", "US", 18.4, -66.06],
    ["GU", "US", 13.47, 144.75],
    ["HK", "CN", 22.28, 114.16],
    ["MO", "CN", 22.19, 113.54],
    ["GI", "GB", 36.14, -5.35],
    ["GG", "GB", 49.46, -2.54],
    ["AX", "FI", 60.1, 19.94],
    ["SJ", "NO", 78.22, 15.65],
    ["FO", "DK", 62.01, -6.77],
    ["CW", "NL", 12.12, -68.93],
    ["BQ", "NL", 12.15, -68.27],
  ])("%s is accepted under its own code and under %s", (own, sovereign, latitude, longitude) => {
    const place = borders.locate(latitude, longitude);

    expect(place.code).toBe(own);
    expect(place.accepted).toEqual(expect.arrayContaining([own, sovereign]));
  });

  test("does not lend its code to its sovereign's ground", () => {
    expect(accepts("RE", 48.86, 2.35)).toBe(false);
    expect(accepts("HK", 39.92, 116.41)).toBe(false);
  });
});

describe("contested ground", () => {
  test.each([
    ["West Bank", 32.10348, 35.16779, "PS", ["PS", "IL"]],
    ["East Jerusalem", 31.785, 35.24, "IL", ["IL", "PS"]],
    ["Golan Heights", 33, 35.78, "IL", ["IL", "SY"]],
    ["Kosovo", 42.66, 21.16, "XK", ["XK", "RS"]],
    ["Crimea", 45, 34.1, "RU", ["RU", "UA"]],
    ["Western Sahara, west of the berm", 27.15, -13.2, "MA", ["MA", "EH"]],
    ["Western Sahara, east of the berm", 26.3, -10.55, "EH", ["EH", "MA"]],
    ["Northern Cyprus", 35.3, 33.6, "CY", ["CY"]],
    ["Akrotiri", 34.59, 32.97, "GB", ["GB", "CY"]],
  ])("%s accepts each side's code", (_name, latitude, longitude, ...[code, accepted]) => {
    const place = borders.locate(latitude, longitude);

    expect(place.code).toBe(code);
    expect(place.accepted).toEqual(expect.arrayContaining(accepted));
  });

  test.each([
    ["PS", 32.09, 34.78, "Tel Aviv"],
    ["EH", 34.02, -6.84, "Rabat"],
    ["RS", 42, 21.43, "Skopje"],
    ["IL", 31.95, 35.93, "Amman"],
    ["UA", 55.75, 37.62, "Moscow"],
    ["CY", 39.93, 32.86, "Ankara"],
  ])("does not carry %s to %f, %f (%s)", (code, latitude, longitude) => {
    expect(accepts(code, latitude, longitude)).toBe(false);
  });
});

describe("a border", () => {
  // Real stations on the right side of the true border, that the simplified one puts on the other.
  test.each([
    ["NO", 69.45505, 30.04075, "Svanvik, 1.4 km off"],
    ["DE", 50.731478, 13.75145, "Zinnwald, 10 m off"],
  ])("accepts %s at %f, %f (%s)", (code, latitude, longitude) => {
    expect(accepts(code, latitude, longitude)).toBe(true);
  });

  // Real rows with a wrong code, close to the country that they name.
  test.each([
    ["GB", 53.326444, -9.903917, "Mace Head, Ireland"],
    ["FR", 46.2078, 6.14113, "Geneva, 4.5 km off"],
    ["BE", 50.754704, 6.093923, "Aachen, 3.4 km off"],
    ["NL", 51.318229, 4.262634, "Doel, 3.6 km off"],
  ])("does not accept %s at %f, %f (%s)", (code, latitude, longitude) => {
    expect(accepts(code, latitude, longitude)).toBe(false);
  });

  test("is 2 km wide to the north and to the south, on any parallel", () => {
    // The 49th parallel is a straight border, and so drawn; 0.01 degrees are 1.1 km.
    expect([accepts("CA", 48.985, -110), accepts("CA", 48.975, -110)]).toEqual([true, false]);
    // As is the meridian between Alaska and the Yukon, where 0.01 degrees are 0.45 km.
    expect([accepts("CA", 66, -141.02), accepts("CA", 66, -141.06)]).toEqual([true, false]);
  });
});

describe("the edges of the map", () => {
  test.each([
    [66, 180, "RU"],
    [66, -180, "RU"],
    [-16.6, 179.999, "FJ"],
    [-90, 0, "AQ"],
    [-90, 180, "AQ"],
    [90, 0, null],
    [0, 0, null],
    [35, -50, null],
  ])("%f, %f lies in %s", (latitude, longitude, code) => {
    expect(borders.locate(latitude, longitude).code).toBe(code);
  });

  test("the tolerance reaches across the antimeridian", () => {
    // Tuvalu's waters are drawn on the other side alone.
    expect(borders.locate(-8, -179.99)).toEqual({ code: null, accepted: ["TV"] });
    expect(borders.locate(-8, -179.97).accepted).toEqual([]);
    // And the Kermadec Islands' on this one.
    expect(borders.locate(-25, 179.99)).toEqual({ code: null, accepted: ["NZ"] });
    expect(borders.locate(-25, 179.97).accepted).toEqual([]);
  });

  test.each([
    [Number.NaN, 5],
    [5, Number.NaN],
    [Number.POSITIVE_INFINITY, 5],
    [90.0001, 5],
    [5, -180.0001],
  ])("%f, %f is nowhere", (latitude, longitude) => {
    expect(borders.locate(latitude, longitude)).toEqual({ code: null, accepted: [] });
  });
});

describe("any point on the globe", () => {
  const latitudes = fc.oneof(
    fc.double({ min: -90, max: 90, noNaN: true }),
    fc.constantFrom(-90, 90, -89.99999, 89.99999, 0, -0),
  );
  const longitudes = fc.oneof(
    fc.double({ min: -180, max: 180, noNaN: true }),
    fc.constantFrom(-180, 180, -179.99999, 179.99999, 0, -0),
  );

  test("has codes of the table alone, each once, its own among them", () => {
    fc.assert(
      fc.property(latitudes, longitudes, (latitude, longitude) => {
        const { code, accepted } = borders.locate(latitude, longitude);

        expect(accepted.filter((each) => !codes.has(each))).toEqual([]);
        expect(new Set(accepted).size).toBe(accepted.length);
        expect(code === null || accepted.includes(code)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  test("is found again as before, however few points are remembered", () => {
    const forgetful = createBorders(3);
    const points = fc.array(fc.tuple(latitudes, longitudes), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(points, (some) => {
        const twice = [...some, ...some.toReversed()];

        expect(twice.map(([a, b]) => forgetful.locate(a, b))).toEqual(
          twice.map(([a, b]) => createBorders(0).locate(a, b)),
        );
      }),
      { numRuns: 20 },
    );
  });
});

test("the fingerprint names the library as it is installed", () => {
  const library = "@rapideditor/country-coder";
  const entry = createRequire(import.meta.url).resolve(library);
  const manifest: unknown = createRequire(entry)("../package.json");
  const [name, rest] = [borders.fingerprint.slice(0, library.length), borders.fingerprint.slice(library.length + 1)];
  const [version, hash] = rest.split("+");

  expect(manifest).toMatchObject({ name, version });
  expect(hash).toMatch(/^[0-9a-f]{16}$/);
});

test("the points used last are remembered, and no more than asked for", () => {
  const forgetful = createBorders(2);
  const brussels = forgetful.locate(50.85, 4.35);
  const paris = forgetful.locate(48.86, 2.35);

  forgetful.locate(50.85, 4.35);
  forgetful.locate(52.52, 13.4);

  expect(forgetful.locate(50.85, 4.35)).toBe(brussels);
  expect(forgetful.locate(48.86, 2.35)).not.toBe(paris);
});
