/** Odd times: what is no instant, what is from the future, instants oddly written, and two clocks that disagree. */
import { quarantined, traitsOf, withFacts, withFields, withVerbatim } from "./draft.ts";
import type { Draft } from "./draft.ts";
import type { Kind, Scene } from "./kind.ts";
import { having, kind, limited, shown } from "./kind.ts";
import type { FilePlan } from "./plan.ts";
import { stamp, monthOf } from "./stamp.ts";
import type { StampStyle } from "./stamp.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const NOT_INSTANTS = [
  "",
  " ",
  "n/a",
  "2017-02-29T10:00:00Z",
  "1900-02-29T10:00:00Z",
  "2016-02-30T10:00:00Z",
  "2016-04-31T10:00:00Z",
  "2016-13-01T10:00:00Z",
  "2016-00-10T10:00:00Z",
  "2016-01-00T10:00:00Z",
  "0000-01-01T00:00:00Z",
  "06/02/2016 10:00",
  "2016-02-06T24:00:00Z",
  "2016-02-06T25:00:00Z",
  "2016-02-06T10:60:00Z",
  "2016-02-06T10:00:60Z",
  "2016-02-06T10:00:00",
  "2016-02-06T10:00:00.000",
  "2016-02-06 10:00",
  "2016-02-06",
  "Sat Feb 06 2016",
  "T10:00:00Z",
];

/** Ways to write the same instant twice; the local clock may stand at another offset than the station's. */
type Writing = {
  readonly utcOffset: number;
  readonly utc: StampStyle;
  readonly localOffset?: number;
  readonly local: StampStyle;
};

const both = (style: StampStyle): Writing => ({ utcOffset: 0, utc: style, local: { ...style, zone: "colon" } });

const WRITINGS: readonly (readonly [name: string, writing: Writing])[] = [
  ["UTC column at +05:30", { utcOffset: 330, utc: {}, local: {} }],
  ["UTC column at -0330", { utcOffset: -210, utc: { zone: "bare" }, local: {} }],
  ["UTC column at -00:00", { utcOffset: 0, utc: { zone: "minus-zero" }, local: {} }],
  ["UTC column at +0000", { utcOffset: 0, utc: { zone: "bare" }, local: {} }],
  ["local clock at -0330", { utcOffset: 0, utc: {}, localOffset: -210, local: { zone: "bare" } }],
  ["local clock at +13:45", { utcOffset: 0, utc: { zone: "Z" }, localOffset: 825, local: {} }],
  ["local clock in Z", { utcOffset: 0, utc: { zone: "Z" }, localOffset: 0, local: { zone: "Z" } }],
  ["blank for T", both({ separator: " ", zone: "Z" })],
  ["blank for T, bare offset", { utcOffset: 0, utc: { separator: " " }, local: { separator: " ", zone: "bare" } }],
  ...["1", "12", "123", "1234", "12345", "123456", "1234567", "12345678", "123456789"].map(
    (digits) => [`fraction .${digits}`, both({ fraction: `.${digits}`, zone: "Z" })] as const,
  ),
];

const dated = (plan: FilePlan): boolean => plan.referenceMs !== null;

/** The latest instant that is not from the future; only for a file whose name gives a reference time. */
function latestMs(scene: Scene): number {
  if (scene.plan.referenceMs === null) throw new RangeError(`${scene.plan.name} has no reference time`);
  return scene.plan.referenceMs + HOUR_MS;
}

/** Sets both clocks to one instant. */
function at(draft: Draft, scene: Scene, instantMs: number, writing: Writing): Draft {
  const localOffset = writing.localOffset ?? draft.station.offsetMinutes;
  const local = stamp(instantMs, localOffset, writing.local);
  const utc = traitsOf(scene.plan.format).twoClocks ? stamp(instantMs, writing.utcOffset, writing.utc) : local;
  return withFacts(withFields(draft, { utc, local }), { month: monthOf(instantMs, localOffset) });
}

/** Replaces the text of the clock that counts, and of the other where the format has one column for both. */
function withUtcText(draft: Draft, scene: Scene, utc: string): Draft {
  return withFields(draft, traitsOf(scene.plan.format).twoClocks ? { utc } : { utc, local: utc });
}

function notAnInstant(draft: Draft, scene: Scene, text: string): Draft {
  return quarantined(withUtcText(draft, scene, text), "bad-timestamp");
}

/** No usable local time: the UTC date decides. */
function withoutLocal(draft: Draft, local: string): Draft {
  return withFacts(withFields(draft, { local }), { month: monthOf(draft.instantMs, 0) });
}

/** The local text names another instant than the UTC text; its own wall clock gives the local date. */
function withLocalOff(draft: Draft, byMs: number, offsetMinutes: number): Draft {
  const localMs = draft.instantMs + byMs;
  const local = stamp(localMs, offsetMinutes, {});
  return withFacts(withFields(draft, { local }), { clocksDisagree: true, month: monthOf(localMs, offsetMinutes) });
}

const PLAIN: Writing = { utcOffset: 0, utc: { zone: "Z" }, local: {} };

const BAD: readonly Kind[] = [
  ...NOT_INSTANTS.map((text) =>
    kind(`time ${shown(text)}`, "bad-timestamp", (draft, scene) => notAnInstant(draft, scene, text)),
  ),
  kind("time of the day without offset", "bad-timestamp", (draft, scene) =>
    notAnInstant(draft, scene, draft.fields.utc.slice(0, 19)),
  ),
  kind("no instant and a sentinel", "bad-timestamp", (draft, scene) =>
    withFields(notAnInstant(draft, scene, "2016-02-30T10:00:00Z"), { value: "-999" }),
  ),
  kind(
    "UTC column empty, local good",
    "bad-timestamp",
    (draft) => quarantined(withFields(draft, { utc: "" }), "bad-timestamp"),
    { fits: having("twoClocks") },
  ),
  ...[
    "null",
    "{}",
    "",
    '{"utc":null,"local":null}',
    '{"local":"2016-02-06T10:00:00+01:00"}',
    '{"utc":"","local":""}',
  ].map((date) =>
    kind(
      `JSON date ${shown(date)}`,
      "bad-timestamp",
      (draft) => quarantined(withVerbatim(draft, { date }), "bad-timestamp"),
      { fits: having("json") },
    ),
  ),
];

const FUTURE: readonly Kind[] = [
  ...[
    ["by a millisecond", 1, ".001"],
    ["by a second", 1000, ""],
    ["by a day", DAY_MS, ""],
    ["by four months", 120 * DAY_MS, ""],
  ].map(([name, beyondMs, fraction]) =>
    kind(
      `from the future ${name}`,
      "future-timestamp",
      (draft, scene) => {
        const style = { fraction: String(fraction) };
        const instantMs = latestMs(scene) + Number(beyondMs);
        return quarantined(
          at(draft, scene, instantMs, { utcOffset: 0, utc: { ...style, zone: "Z" }, local: style }),
          "future-timestamp",
        );
      },
      { fits: dated },
    ),
  ),
  kind(
    "year 9999",
    "future-timestamp",
    (draft) => {
      const fields = { utc: "9999-12-31T23:59:59Z", local: "9999-12-31T23:59:59+00:00" };
      return quarantined(withFields(draft, fields), "future-timestamp");
    },
    { fits: dated },
  ),
  kind(
    "from the future and no number",
    "future-timestamp",
    (draft, scene) =>
      quarantined(withFields(at(draft, scene, latestMs(scene) + HOUR_MS, PLAIN), { value: "n/a" }), "future-timestamp"),
    { fits: dated },
  ),
  kind(
    "as late as may be",
    "kept",
    // Each turn is a second earlier, so that no two are the same instant.
    (draft, scene) => at(draft, scene, latestMs(scene) - scene.turn * 1000, PLAIN),
    { fits: dated },
  ),
];

const KEPT: readonly Kind[] = [
  ...WRITINGS.map(([name, writing]) =>
    kind(name, "kept", (draft, scene) => at(draft, scene, draft.instantMs, writing), {
      fits: writing.local.zone === undefined && writing.localOffset === undefined ? having("twoClocks") : () => true,
    }),
  ),
  // Without seconds the text can only say full minutes: the record goes back to the quarter hour that is its own.
  kind("no seconds", "kept", (draft, scene) => at(draft, scene, draft.slotMs, both({ seconds: false, zone: "Z" }))),
  kind("no seconds, blank, bare offset", "kept", (draft, scene) => {
    const style: StampStyle = { seconds: false, separator: " ", zone: "bare" };
    return at(draft, scene, draft.slotMs, { utcOffset: 330, utc: style, local: style });
  }),
  kind("time between blanks", "kept", (draft) =>
    withFields(draft, { utc: ` ${draft.fields.utc}\u{a0}`, local: `\t${draft.fields.local} ` }),
  ),
  kind("clock at 1970", "kept", (draft, scene) => at(draft, scene, draft.slotMs - draft.instantMs, PLAIN)),
  kind("leap day of 2000", "kept", (draft, scene) =>
    at(draft, scene, Date.UTC(2000, 1, 29) + (draft.slotMs - draft.instantMs), PLAIN),
  ),
  ...["", "n/a", "2016-02-30T10:00:00+01:00"].map((local) =>
    kind(`local time ${shown(local)}`, "kept", (draft) => withoutLocal(draft, local), { fits: having("twoClocks") }),
  ),
];

const DISAGREEING: readonly Kind[] = [
  kind("local wall clock called +00:00", "local-utc-mismatch", (draft) =>
    withLocalOff(draft, (draft.station.offsetMinutes || 60) * 60_000, 0),
  ),
  kind("local clock a second off", "local-utc-mismatch", (draft) =>
    withLocalOff(draft, 1000, draft.station.offsetMinutes),
  ),
  kind("local clock an hour off", "local-utc-mismatch", (draft) =>
    withLocalOff(draft, -HOUR_MS, draft.station.offsetMinutes),
  ),
  kind("local clock a month off", "local-utc-mismatch", (draft) =>
    withLocalOff(draft, -31 * DAY_MS, draft.station.offsetMinutes),
  ),
].map((disagreeing) => limited(disagreeing, having("twoClocks")));

export const TIME_KINDS: readonly Kind[] = [...BAD, ...FUTURE, ...KEPT, ...DISAGREEING];
