/** Odd places: coordinates that are missing or impossible, and country codes that are missing, unknown or wrong. */
import { quarantined, withFacts, withFields, withVerbatim } from "./draft.ts";
import type { Draft, Facts } from "./draft.ts";
import type { Kind } from "./kind.ts";
import { having, kind, limited, shown } from "./kind.ts";
import { FIPS_CODES_THAT_PASS, STATIONS } from "./world.ts";
import type { Station } from "./world.ts";

type Coordinates = readonly [latitude: string | null, longitude: string | null];

/** Null leaves the delivered text; one coordinate that is missing makes both useless. */
const MISSING: readonly Coordinates[] = [
  ["", ""],
  ["", null],
  [null, ""],
  ["n/a", "n/a"],
  ["north", null],
  [null, "1e400"],
  [" ", "\u{a0}"],
  ["NaN", "NaN"],
];

const OUT_OF_RANGE: readonly Coordinates[] = [
  ["91", null],
  ["-90.0001", null],
  [null, "181"],
  [null, "-180.5"],
  ["1e300", "-1e300"],
  ["-999", "-999"],
];

const NEAR_ZERO: readonly Coordinates[] = [
  ["0", "0"],
  ["0.0", "-0.0"],
  ["0.9999", "-0.9999"],
  ["-1e-7", "5e-1"],
  [".5", "+.25"],
];

/** Codes that no country has: FIPS codes, alpha-3, names, numbers. */
const UNKNOWN_CODES = ["ZZ", "UK", "123", "B", "SP", "EU", "??", "N/A", "DEU", "Finland", "zz"];

const placed = (draft: Draft, [latitude, longitude]: Coordinates, place: Facts["place"]): Draft =>
  withFacts(
    withFields(draft, {
      latitude: latitude ?? draft.fields.latitude,
      longitude: longitude ?? draft.fields.longitude,
    }),
    { place },
  );

const nameOf = ([latitude, longitude]: Coordinates): string =>
  `${latitude === null ? "(good)" : shown(latitude)}, ${longitude === null ? "(good)" : shown(longitude)}`;

const coordinateKinds = (place: "missing" | "out-of-range" | "near-zero", list: readonly Coordinates[]): Kind[] =>
  list.map((coordinates) =>
    kind(`coordinates ${nameOf(coordinates)}`, `coordinates-${place}`, (draft) => placed(draft, coordinates, place)),
  );

const jsonCoordinates = (text: string): Kind =>
  kind(
    `JSON coordinates ${shown(text)}`,
    "coordinates-missing",
    (draft) => withFacts(withVerbatim(draft, { coordinates: text }), { place: "missing" }),
    { fits: having("json") },
  );

function withoutCountry(draft: Draft, country: string): Draft {
  const code = country.trim() === "" ? "missing" : "unknown";
  return withFacts(withFields(draft, { country }), { code, deliveredCode: "" });
}

/** The record moves to a station whose FIPS code passes for the ISO code of another country. */
function wronglyCoded(draft: Draft, station: Station, country: string): Draft {
  const { location, city, latitude, longitude } = station;
  const moved = withFields(draft, { location, city, latitude, longitude, country });
  return { ...withFacts(moved, { code: "wrong", deliveredCode: country.toUpperCase() }), station };
}

const COORDINATES: readonly Kind[] = [
  ...coordinateKinds("missing", MISSING),
  ...coordinateKinds("out-of-range", OUT_OF_RANGE),
  ...coordinateKinds("near-zero", NEAR_ZERO),
  ...["null", "{}", "", '{"latitude":null,"longitude":null}', '{"latitude":51.5}', '{"lat":51.5,"lon":9.5}'].map(
    jsonCoordinates,
  ),
  kind("coordinates as text with signs and blanks", "kept", (draft) =>
    withFields(draft, { latitude: ` ${draft.fields.latitude}00 `, longitude: `${draft.fields.longitude}e0\u{a0}` }),
  ),
  kind("coordinates with drifting digits", "kept", (draft) =>
    withFields(draft, {
      latitude: `${draft.fields.latitude}00000000462`,
      longitude: `${draft.fields.longitude}00000000037`,
    }),
  ),
];

const CODES: readonly Kind[] = [
  kind("country in lower case", "kept", (draft) => withFields(draft, { country: draft.fields.country.toLowerCase() })),
  kind("country between blanks", "kept", (draft) => withFields(draft, { country: ` ${draft.fields.country}\u{a0}` })),
  kind("no country, good coordinates", "country-missing", (draft) => withoutCountry(draft, "")),
  kind("no country again, good coordinates", "country-derived", (draft) => withoutCountry(draft, "\u{a0}")),
  kind("no country, no coordinates", "country-missing", (draft) =>
    placed(withoutCountry(draft, ""), ["", ""], "missing"),
  ),
  ...UNKNOWN_CODES.map((country) =>
    kind(`country ${shown(country)}`, "country-unknown", (draft) => withoutCountry(draft, country)),
  ),
  kind("unknown country, coordinates 0, 0", "country-unknown", (draft) =>
    placed(withoutCountry(draft, "ZZ"), ["0", "0"], "near-zero"),
  ),
  kind("unknown country, coordinates out of range", "coordinates-out-of-range", (draft) =>
    placed(withoutCountry(draft, "UK"), ["95", "200"], "out-of-range"),
  ),
  kind("unknown country and a sentinel", "sentinel-value", (draft) =>
    quarantined(withFields(withoutCountry(draft, "UK"), { value: "-999" }), "sentinel-value"),
  ),
].map((code) => limited(code, having("country")));

const WRONG_CODES: readonly Kind[] = STATIONS.flatMap((station) => {
  const fips = FIPS_CODES_THAT_PASS[station.country];
  if (fips === undefined) return [];
  return [fips, fips.toLowerCase()].map((code) =>
    kind(
      `country ${code} for ${station.country} (FIPS) at ${station.latitude}`,
      "coordinates-outside-country",
      (draft) => wronglyCoded(draft, station, code),
      { fits: having("country") },
    ),
  );
});

export const PLACE_KINDS: readonly Kind[] = [...COORDINATES, ...CODES, ...WRONG_CODES];
