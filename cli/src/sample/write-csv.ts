/** Records as rows of the five CSV formats. */
import type { Draft, Field, Shape } from "./draft.ts";
import type { FilePlan } from "./plan.ts";
import { LEGACY_COLUMNS } from "./plan.ts";
import type { Random } from "./prng.ts";
import { itemAt } from "./prng.ts";
import type { Station } from "./world.ts";

/** The text of one record, without a line end. */
export type WriteRecord = (draft: Draft, random: Random) => string;

type Column = {
  readonly text: (draft: Draft) => string;
  /** Where the column is one field of the draft. */
  readonly field: Field | null;
  /** Numbers and instants stay unquoted where texts are quoted. */
  readonly isText: boolean;
};

const field = (name: Field, isText: boolean): Column => ({ text: (draft) => draft.fields[name], field: name, isText });
const derived = (text: Column["text"], isText: boolean): Column => ({ text, field: null, isText });

const COLUMNS: Readonly<Record<string, Column>> = {
  location: field("location", true),
  city: field("city", true),
  country: field("country", true),
  utc: field("utc", true),
  local: field("local", true),
  parameter: field("parameter", true),
  value: field("value", false),
  unit: field("unit", true),
  latitude: field("latitude", false),
  longitude: field("longitude", false),
  attribution: derived(({ station }) => attribution(station), true),
  comment: derived(({ station }) => `checked; "${station.countryLabel}"`, true),
  locationId: derived(({ station }) => locationId(station), false),
  // archive
  location_id: derived(({ station }) => locationId(station), false),
  sensors_id: derived(({ station, channel }) => `${locationId(station)}${station.channels.indexOf(channel)}`, false),
  datetime: field("local", true),
  lat: field("latitude", false),
  lon: field("longitude", false),
  units: field("unit", true),
  // explorer
  location_name: field("location", true),
  datetimeUtc: field("utc", true),
  datetimeLocal: field("local", true),
  timezone: derived(() => "Etc/Unknown", true),
  country_iso: field("country", true),
  isMobile: derived(() => "", false),
  isMonitor: derived(() => "", false),
  owner_name: derived(() => "Unknown Governmental Organization", true),
  provider: derived(({ station }) => sourceName(station), true),
  // opendatasoft
  "Country Code": field("country", true),
  City: field("city", true),
  Location: field("location", true),
  Coordinates: derived(({ fields }) => joinedCoordinates(fields.latitude, fields.longitude), true),
  Pollutant: field("parameter", true),
  "Source Name": derived(({ station }) => sourceName(station), true),
  Unit: field("unit", true),
  Value: field("value", false),
  "Last Updated": field("local", true),
  "Country Label": derived(({ station }) => station.countryLabel, true),
};

export type CsvWriter = {
  /** The header row without line end; null for a file without one. */
  readonly header: string | null;
  readonly write: WriteRecord;
};

export function createCsvWriter(plan: FilePlan): CsvWriter {
  const separator = separatorOf(plan);
  const names = plan.header ?? LEGACY_COLUMNS;
  const columns = names.map(columnOf);
  const header = names.map((name) => (plan.quotedTexts ? quoted(name) : name)).join(separator);
  // In a field that holds none of these a reader sees nothing but text.
  const special = new RegExp(`["\\r\\n${separator}]`, "u");
  const cell = (column: Column, draft: Draft): string => {
    const verbatim = column.field === null ? undefined : draft.verbatim[column.field];
    if (verbatim !== undefined) return verbatim;
    const text = column.text(draft);
    const quote = (plan.quotedTexts && column.isText) || draft.shape === "all-quoted" || special.test(text);
    return quote ? quoted(text) : text;
  };
  const write: WriteRecord = (draft, random) => {
    if (draft.shape.startsWith("line: ")) return draft.shape.slice("line: ".length);
    if (draft.shape === "repeated-header") return header;
    const cells = columns.map((column) => cell(column, draft));
    return SHAPED[draft.shape]?.({ cells, separator, random }) ?? cells.join(separator);
  };
  return { header: plan.header === null ? null : header, write };
}

/** Compact JSON, as the platform has it in one quoted field. */
export function attribution(station: Station): string {
  return JSON.stringify([
    { name: `${station.countryLabel}: "Clean Air" Agency`, url: "https://example.org/air?a=1,2" },
  ]);
}

export function sourceName(station: Station): string {
  return `${station.country.toLowerCase()}-air`;
}

function separatorOf(plan: FilePlan): "," | ";" {
  return plan.format === "opendatasoft-csv" ? ";" : ",";
}

function columnOf(name: string): Column {
  const column = COLUMNS[name];
  if (column === undefined) throw new RangeError(`no column is called ${name}`);
  return column;
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

type Row = { readonly cells: readonly string[]; readonly separator: "," | ";"; readonly random: Random };

/** Rows whose columns do not count up. */
const SHAPED: Readonly<Partial<Record<Shape, (row: Row) => string>>> = {
  // At least two columns stay, since a lone empty one would be a blank line.
  "too-few-columns": ({ cells, separator, random }) =>
    cells.slice(0, 2 + random.below(cells.length - 2)).join(separator),
  "too-many-columns": ({ cells, separator, random }) =>
    [...cells, ...["surplus", "1", ""].slice(0, 1 + random.below(3))].join(separator),
  "trailing-separator": ({ cells, separator }) => `${cells.join(separator)}${separator}`,
  // One field to this file's reader, whatever the texts hold.
  "other-separator": ({ cells, separator }) =>
    [itemAt(cells, 0).replaceAll(/[",;\r\n]/gu, " "), "a", "b"].join(separator === "," ? ";" : ","),
};

/** Six to seven digits made from the coordinates: the same for a station in every file. */
function locationId(station: Station): string {
  return String(
    Math.round(Math.abs(Number(station.latitude)) * 100) * 1000 + Math.round(Math.abs(Number(station.longitude))),
  );
}

function joinedCoordinates(latitude: string, longitude: string): string {
  return latitude === "" && longitude === "" ? "" : `${latitude}, ${longitude}`;
}
