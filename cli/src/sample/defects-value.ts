/** Odd values: what is no number, sentinels and negatives on both sides of their edges, and numbers oddly written. */
import { quarantined, withFacts, withFields, withVerbatim } from "./draft.ts";
import type { Draft } from "./draft.ts";
import type { Kind } from "./kind.ts";
import { having, kind, shown } from "./kind.ts";
import { MICROGRAMS } from "./world.ts";

type Reading = readonly [parameter: string, unit: string, value: string];

const readings = (parameter: string, unit: string, values: readonly string[]): Reading[] =>
  values.map((value) => [parameter, unit, value]);

const NOT_NUMBERS = [
  "",
  " ",
  "n/a",
  "NaN",
  "nan",
  "inf",
  "-Infinity",
  "null",
  "--",
  "TRUE",
  "1,5",
  "1 000",
  "1_000",
  "0x1F",
  "5e",
  "e5",
  ".",
  "+",
  "-",
  "1.2.3",
  "12 µg",
  "<5",
  "\u{2212}5",
  "1e400",
  "-1e400",
  "1.8e308",
  "9".repeat(400),
];

/** JSON literals that are valid and no number. */
const NOT_NUMBERS_IN_JSON = ["null", "true", "false", "[]", '["5"]', '{"value":5}', "1e400", "-1E+400", '"5,0"', ""];

const SENTINELS: readonly Reading[] = [
  ...readings("pm25", MICROGRAMS, ["-100", "-100.00001", "-999", "-9999", "-999000", "-1111", "-99", "-99.0", "-99.9"]),
  ...readings("pm10", MICROGRAMS, ["-99.99", "-9.9e1", "-99.0000000005", "-98.9999999995", "-1e300", " -999 "]),
  ...readings("o3", "ppm", ["-0.999", "-9.999", "-0.9999", "-9.9999", "-9.99e-1", "-0.9990000005", "-999", "-99"]),
  ...readings("no2", "ppb", ["-0.999", "-9.999", "-0.9999", "-9.9999", "-0.9989999995", "-100.5", "-.999"]),
];

/** Beyond the floor of its unit, and no sentinel, however near. */
const NEGATIVES: readonly Reading[] = [
  ...readings("pm25", MICROGRAMS, ["-5.0000001", "-6", "-9.999", "-9.9999", "-50", "-98.9", "-99.98", "-99.9999"]),
  ...readings("pm10", MICROGRAMS, ["-99.00000001", "-98.99999999", "-99.90000001", "-5.1E0"]),
  ...readings("o3", "ppm", ["-0.0500001", "-0.06", "-0.998", "-0.99900001", "-0.99989", "-1", "-5"]),
  ...readings("no2", "ppb", ["-5.0000001", "-9.998", "-9.99900001", "-50"]),
];

const NOISE: readonly Reading[] = [
  ...readings("pm25", MICROGRAMS, ["-5", "-5.0", "-4.9999999", "-0.001", "-0.999", "-0.9999", "-1e-3", "-.5", "-1."]),
  ...readings("o3", "ppm", ["-0.05", "-5e-2", "-0.0499999", "-0.001"]),
  ...readings("no2", "ppb", ["-5", "-0.998", "-0.99900001", "-0.06", "-0.9998"]),
];

const ODDLY_WRITTEN: readonly Reading[] = [
  ...readings("pm25", MICROGRAMS, ["0", "0.0", "-0", "-0.0", "0e0", "1.", ".5", "+3", "1e-3", "5 ", "\u{a0}5\u{a0}"]),
  ...readings("pm10", MICROGRAMS, [
    "007",
    "1E1",
    "+1.5e+1",
    "\t12.5",
    "1e-400",
    `0.${"0".repeat(200)}1`,
    "12.340000000",
  ]),
  ...readings("o3", "ppm", ["0.009300000000000001", "9.3e-3", ".0093"]),
  ...readings("um003", "particles/cm³", [
    "1e300",
    "1.7976931348623157e308",
    "1234567890123456789012345678901234567890",
  ]),
];

/** JSON literals and strings that are good numbers. */
const ODDLY_WRITTEN_IN_JSON = [
  '"5.25"',
  '" 5 "',
  "-0",
  "1E1",
  "1.5e+1",
  "0.009300000000000001",
  '".5"',
  '"\\u0035"',
  '"5\\u00a0"',
];

const MICROGRAMS_SPELLED = ["ug/m3", "\u{b5}g/m3", "\u{b5}g/m³", "\u{3bc}g/m³", "\u{3bc}g/m3", "ug/m³"];

/** Unit and parameter as delivered, with a value far from every edge. */
const SPELLINGS: readonly Reading[] = [
  ...MICROGRAMS_SPELLED.flatMap((unit) => [...readings("pm25", unit, ["12.5"]), ...readings("o3", ` ${unit}`, ["31"])]),
  ...["PM2.5", "pm2.5", "Pm25", " PM25\t", "\u{a0}pm25"].map((name): Reading => [name, MICROGRAMS, "12.5"]),
  ...["ozone", "OZONE", " Ozone "].map((name): Reading => [name, "ppm", "0.031"]),
  ...["humidity", "RH", "RelativeHumidity"].map((name): Reading => [name, "%", "55"]),
  ["o3", "ppb", "31"],
  ["co", " ppm ", "0.4"],
  ["co", "mg/m³", "0.4"],
  ["pressure", "hpa", "1013.2"],
  ["bc", "", "0.7"],
];

const ABOVE_LIMIT: readonly Reading[] = [
  ...readings("pm25", MICROGRAMS, ["1000.1", "5000", "1e300"]),
  ...readings("pm10", MICROGRAMS, ["1500.5", "9179"]),
  ["pm1", MICROGRAMS, "1000.01"],
  ["o3", "ppm", "0.51"],
  ["no2", "ppm", "0.501"],
  ["so2", "ppm", "2.01"],
  ["co", "ppm", "100.1"],
  ["o3", MICROGRAMS, "500.1"],
  ["no2", MICROGRAMS, "501"],
  ["so2", MICROGRAMS, "2000.1"],
  ["PM2.5", "ug/m3", "1001"],
  ["ozone", "ppm", "5.1e-1"],
];

/** Just below a limit, or high where there is none. */
const NOT_ABOVE_LIMIT: readonly Reading[] = [
  ["pm25", MICROGRAMS, "999.9"],
  ["pm10", MICROGRAMS, "1499.9"],
  ["pm1", MICROGRAMS, "999.99"],
  ["o3", "ppm", "0.499"],
  ["so2", "ppm", "1.999"],
  ["co", "ppm", "99.9"],
  ["no2", MICROGRAMS, "499.9"],
  ["so2", MICROGRAMS, "1999.9"],
  ["co", MICROGRAMS, "5000"],
  ["o3", "ppb", "600"],
  ["um003", "particles/cm³", "250000"],
];

const nameOf = ([parameter, unit, value]: Reading): string => `${shown(value)} ${shown(parameter)} in ${shown(unit)}`;

const as = (draft: Draft, [parameter, unit, value]: Reading): Draft => withFields(draft, { parameter, unit, value });

export const VALUE_KINDS: readonly Kind[] = [
  ...NOT_NUMBERS.map((value) =>
    kind(`value ${shown(value)}`, "bad-value", (draft) => quarantined(withFields(draft, { value }), "bad-value")),
  ),
  ...NOT_NUMBERS_IN_JSON.map((value) =>
    kind(
      `JSON value ${shown(value)}`,
      "bad-value",
      (draft) => quarantined(withVerbatim(draft, { value }), "bad-value"),
      { fits: having("json") },
    ),
  ),
  ...SENTINELS.map((reading) =>
    kind(`sentinel ${nameOf(reading)}`, "sentinel-value", (draft) => quarantined(as(draft, reading), "sentinel-value")),
  ),
  ...NEGATIVES.map((reading) =>
    kind(`negative ${nameOf(reading)}`, "negative-value", (draft) => quarantined(as(draft, reading), "negative-value")),
  ),
  ...NOISE.map((reading) =>
    kind(`noise ${nameOf(reading)}`, "negative-noise", (draft) =>
      withFacts(as(draft, reading), { negativeNoise: true }),
    ),
  ),
  ...[...ODDLY_WRITTEN, ...SPELLINGS, ...NOT_ABOVE_LIMIT].map((reading) =>
    kind(`reading ${nameOf(reading)}`, "kept", (draft) => as(draft, reading)),
  ),
  ...ODDLY_WRITTEN_IN_JSON.map((value) =>
    kind(
      `JSON number ${shown(value)}`,
      "kept",
      (draft) => withVerbatim(withFields(draft, { parameter: "pm25", unit: MICROGRAMS }), { value }),
      { fits: having("json") },
    ),
  ),
  ...ABOVE_LIMIT.map((reading) =>
    kind(`above limit ${nameOf(reading)}`, "above-limit", (draft) =>
      withFacts(as(draft, reading), { aboveLimit: true }),
    ),
  ),
];
