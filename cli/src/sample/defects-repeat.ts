/** Repetitions: records that say the same as an earlier one, however spelled, and records that almost do. */
import { quarantined, traitsOf, withFields, withShape } from "./draft.ts";
import type { Draft } from "./draft.ts";
import type { Kind, Scene } from "./kind.ts";
import { having, kind } from "./kind.ts";
import type { Random } from "./prng.ts";
import { stamp } from "./stamp.ts";
import { MICROGRAMS } from "./world.ts";

type Respell = (earlier: Draft, scene: Scene) => Draft;

const repeated = (name: string, respell: Respell, fits?: Kind["fits"]): Kind =>
  kind(
    `repeats a record: ${name}`,
    "duplicate-record",
    (_draft, scene) => {
      const earlier = scene.earlier();
      return earlier === null ? null : quarantined(respell(earlier, scene), "duplicate-record");
    },
    fits === undefined ? {} : { fits },
  );

/** The earlier record is used up, so that two of these cannot be the same as each other. */
const almostRepeated = (name: string, change: (earlier: Draft) => Draft, fits?: Kind["fits"]): Kind =>
  kind(
    `almost repeats a record: ${name}`,
    "kept",
    (_draft, scene) => {
      const earlier = scene.takeEarlier();
      return earlier === null ? null : change(earlier);
    },
    fits === undefined ? {} : { fits },
  );

/** The same number in another spelling. */
function respelledNumber(text: string, random: Random): string {
  const [whole = "0", fraction = ""] = text.split(".");
  if (whole === "0" && fraction === "") return random.pick(["0.00", "+0"]);
  const digits = `${whole}${fraction}`;
  return random.pick([
    fraction === "" ? `${whole}.0` : `${text}0`,
    `${digits}e-${fraction.length}`,
    whole.startsWith("-") ? ` ${text}` : `+${text}`,
    whole.startsWith("-") ? `${text}\u{a0}` : `00${text}`,
  ]);
}

/** Another number, that differs from it by 1e-11. */
function nudgedNumber(text: string): string {
  const [whole = "0", fraction = ""] = text.split(".");
  return `${whole}.${fraction.padEnd(10, "0")}1`;
}

function respelledParameter(parameter: string): string {
  const aliases: Readonly<Record<string, string>> = { pm25: "pm2.5", o3: "Ozone", relativehumidity: "RH" };
  const lower = parameter.toLowerCase();
  return aliases[lower] ?? (lower === parameter ? parameter.toUpperCase() : lower);
}

function respelledUnit(unit: string, random: Random): string {
  return unit === MICROGRAMS ? random.pick(["ug/m3", "\u{3bc}g/m³", "\u{b5}g/m3", "\u{3bc}g/m3"]) : ` ${unit}\u{a0}`;
}

const respelledInstant: Respell = (earlier, { plan, random }) => {
  const offsetMinutes = random.pick([330, -210, 0, 825]);
  const utc = stamp(earlier.instantMs, offsetMinutes, {
    fraction: random.pick(["", ".0", ".000000"]),
    zone: random.pick(["bare", "colon"] as const),
  });
  return withFields(earlier, traitsOf(plan.format).twoClocks ? { utc } : { utc, local: utc });
};

const isZero = ({ fields }: Draft): boolean => fields.value === "0";

const REPEATED: readonly Kind[] = [
  ...["-0", "0.0", "-0.0", "0e3"].map((value) =>
    kind(`repeats a record: 0 as ${value}`, "duplicate-record", (_draft, { earlier }) => {
      const zero = earlier(isZero);
      return zero === null ? null : quarantined(withFields(zero, { value }), "duplicate-record");
    }),
  ),
  repeated("to the letter", (earlier) => earlier),
  repeated("value respelled", (earlier, { random }) =>
    withFields(earlier, { value: respelledNumber(earlier.fields.value, random) }),
  ),
  repeated("coordinates respelled", (earlier, { random }) =>
    withFields(earlier, {
      latitude: respelledNumber(earlier.fields.latitude, random),
      longitude: respelledNumber(earlier.fields.longitude, random),
    }),
  ),
  repeated("instant at another offset", respelledInstant),
  repeated("parameter respelled", (earlier) =>
    withFields(earlier, { parameter: respelledParameter(earlier.fields.parameter) }),
  ),
  repeated("unit respelled", (earlier, { random }) =>
    withFields(earlier, { unit: respelledUnit(earlier.fields.unit, random) }),
  ),
  repeated("location between blanks", (earlier) =>
    withFields(earlier, { location: `\u{a0} ${earlier.fields.location}\t` }),
  ),
  repeated(
    "city between blanks",
    (earlier) => withFields(earlier, { city: ` ${earlier.fields.city}\n` }),
    having("city"),
  ),
  repeated(
    "country in lower case",
    (earlier) => withFields(earlier, { country: ` ${earlier.fields.country.toLowerCase()}` }),
    having("country"),
  ),
  repeated(
    "another local time",
    (earlier) => withFields(earlier, { local: stamp(earlier.instantMs + 3_600_000, 60, {}) }),
    having("twoClocks"),
  ),
  repeated("members in another order", (earlier) => withShape(earlier, "json-other-order"), having("json")),
  repeated("fewer members", (earlier) => withShape(earlier, "json-fewer-members"), having("json")),
];

const ALMOST_REPEATED: readonly Kind[] = [
  almostRepeated(
    "another city",
    (earlier) => withFields(earlier, { city: `${earlier.fields.city} II` }),
    having("city"),
  ),
  almostRepeated("value off by 1e-11", (earlier) => withFields(earlier, { value: nudgedNumber(earlier.fields.value) })),
  almostRepeated("latitude off by 1e-11", (earlier) =>
    withFields(earlier, { latitude: nudgedNumber(earlier.fields.latitude) }),
  ),
  almostRepeated("a zero-width space more", (earlier) =>
    withFields(earlier, { location: `${earlier.fields.location}\u{200b}` }),
  ),
  almostRepeated("another unit", (earlier) => withFields(earlier, { unit: "mg/m³" })),
  almostRepeated("another parameter", (earlier) =>
    withFields(earlier, { parameter: `${earlier.fields.parameter}_raw` }),
  ),
];

export const REPEAT_KINDS: readonly Kind[] = [...REPEATED, ...ALMOST_REPEATED];
