/** One record on its way into a file: its texts, and the facts about it that its maker knows. */
import type { Random } from "./prng.ts";
import type { FilePlan } from "./plan.ts";
import { itemAt } from "./prng.ts";
import { stamp, monthOf } from "./stamp.ts";
import type { QuarantineReason, SampleFormat } from "./words.ts";
import type { Channel, Station } from "./world.ts";
import { CHANNELS_PER_STATION } from "./world.ts";

export type Field =
  | "location"
  | "city"
  | "country"
  | "utc"
  | "local"
  | "parameter"
  | "value"
  | "unit"
  | "latitude"
  | "longitude";

/** How the record as a whole is written; anything but `whole` is for one family of formats only. */
export type Shape =
  | "whole"
  | "too-few-columns"
  | "too-many-columns"
  | "trailing-separator"
  | "other-separator"
  | "repeated-header"
  | "all-quoted"
  | "json-cut-off"
  | "json-trailing-comma"
  | "json-two-objects"
  | "json-in-array"
  | "json-other-order"
  | "json-more-members"
  | "json-escaped"
  | "json-spaced"
  | "json-fewer-members"
  | `line: ${string}`;

/** What the maker of a record knows of it. Meaningful for kept records only. */
export type Facts = {
  readonly negativeNoise: boolean;
  readonly aboveLimit: boolean;
  readonly clocksDisagree: boolean;
  readonly place: "good" | "missing" | "out-of-range" | "near-zero";
  readonly code: "known" | "wrong" | "missing" | "unknown";
  /** Upper-case; empty unless `code` is known or wrong. */
  readonly deliveredCode: string;
  /** "2018/02": of the local date, or of the UTC date where there is no local time. */
  readonly month: string;
};

export type Draft = {
  readonly station: Station;
  readonly channel: Channel;
  readonly instantMs: number;
  /** The quarter hour that this record alone has among those of its station and channel. */
  readonly slotMs: number;
  readonly fields: Readonly<Record<Field, string>>;
  /** Put into the file letter by letter in place of the field; in JSON, an empty text leaves the member out. */
  readonly verbatim: Readonly<Partial<Record<Field | "date" | "coordinates", string>>>;
  readonly shape: Shape;
  readonly facts: Facts;
  readonly reason: QuarantineReason | null;
};

/** What a format can carry. */
export type Traits = {
  readonly twoClocks: boolean;
  readonly city: boolean;
  readonly country: boolean;
  readonly json: boolean;
};

const TRAITS: Readonly<Record<SampleFormat, Traits>> = {
  "openaq-legacy-csv": { twoClocks: true, city: true, country: true, json: false },
  "openaq-v2-csv": { twoClocks: true, city: true, country: true, json: false },
  "openaq-realtime-ndjson": { twoClocks: true, city: true, country: true, json: true },
  "openaq-archive-csv": { twoClocks: false, city: false, country: false, json: false },
  "openaq-explorer-csv": { twoClocks: true, city: false, country: true, json: false },
  "opendatasoft-csv": { twoClocks: false, city: true, country: true, json: false },
};

export function traitsOf(format: SampleFormat): Traits {
  return TRAITS[format];
}

const SLOT_MS = 15 * 60_000;
const NOTHING_VERBATIM: Draft["verbatim"] = {};
const GOOD_FACTS: Facts = {
  negativeNoise: false,
  aboveLimit: false,
  clocksDisagree: false,
  place: "good",
  code: "known",
  deliveredCode: "",
  month: "",
};

/**
 * Makes the good record number `index` (0-based) of a file. Station, channel and quarter hour follow from the index, so
 * that no two records of a file share them. `oddity` is the ordinal of a record that is to become odd, else null: odd
 * records are moved off the quarter hour, each by another number of whole seconds, so that none can repeat another.
 */
export function createDraft(plan: FilePlan, random: Random, index: number, oddity: number | null): Draft {
  const series = index % (plan.stations.length * CHANNELS_PER_STATION);
  const station = itemAt(plan.stations, Math.floor(series / CHANNELS_PER_STATION));
  const channel = itemAt(station.channels, series % CHANNELS_PER_STATION);
  const slot = Math.floor(index / (plan.stations.length * CHANNELS_PER_STATION));
  const slotMs = plan.lastSlotMs - slot * SLOT_MS;
  const instantMs = oddity === null ? slotMs : slotMs - secondsOffTheSlot(oddity) * 1000;
  const traits = traitsOf(plan.format);
  const { utc, local } = clockTexts(plan.format, instantMs, station.offsetMinutes);
  return {
    station,
    channel,
    instantMs,
    slotMs,
    fields: {
      location: station.location,
      city: traits.city ? station.city : "",
      country: traits.country ? station.country : "",
      utc,
      local,
      parameter: plan.format === "opendatasoft-csv" ? shouted(channel.parameter) : channel.parameter,
      value: ordinaryValue(channel, random),
      unit: channel.unit,
      latitude: station.latitude,
      longitude: station.longitude,
    },
    verbatim: NOTHING_VERBATIM,
    shape: "whole",
    facts: {
      ...GOOD_FACTS,
      code: traits.country ? "known" : "missing",
      deliveredCode: traits.country ? station.country : "",
      month: monthOf(instantMs, station.offsetMinutes),
    },
    reason: null,
  };
}

export function withFields(draft: Draft, fields: Partial<Record<Field, string>>): Draft {
  return { ...draft, fields: { ...draft.fields, ...fields } };
}

export function withVerbatim(draft: Draft, verbatim: Draft["verbatim"]): Draft {
  return { ...draft, verbatim: { ...draft.verbatim, ...verbatim } };
}

export function withFacts(draft: Draft, facts: Partial<Facts>): Draft {
  return { ...draft, facts: { ...draft.facts, ...facts } };
}

export function withShape(draft: Draft, shape: Shape): Draft {
  return { ...draft, shape };
}

export function quarantined(draft: Draft, reason: QuarantineReason): Draft {
  return { ...draft, reason };
}

/** The time texts as this format usually writes them; a format with one clock has the same text twice. */
function clockTexts(format: SampleFormat, instantMs: number, offsetMinutes: number): { utc: string; local: string } {
  const local = stamp(instantMs, offsetMinutes, {});
  switch (format) {
    case "openaq-legacy-csv":
    case "openaq-realtime-ndjson":
      return { utc: stamp(instantMs, 0, { fraction: ".000", zone: "Z" }), local };
    case "openaq-v2-csv":
      return { utc: stamp(instantMs, 0, {}), local };
    case "openaq-explorer-csv":
      return { utc: stamp(instantMs, 0, { zone: "Z" }), local };
    case "openaq-archive-csv":
    case "opendatasoft-csv":
      return { utc: local, local };
  }
}

/** Grows by one a record and skips the multiples of 900 s, which are quarter hours. */
function secondsOffTheSlot(oddity: number): number {
  return 1 + oddity + Math.floor(oddity / 899);
}

/** Zero is an ordinary value: rounding, or below what the instrument can see. */
function ordinaryValue(channel: Channel, random: Random): string {
  if (random.chance(0.014)) return "0";
  return (channel.low + random.unit() * (channel.high - channel.low)).toFixed(channel.digits);
}

function shouted(parameter: string): string {
  return parameter === "pm25" ? "PM2.5" : parameter.toUpperCase();
}
