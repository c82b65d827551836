/** Which files a sample has: names, formats, sizes and the way they are written. */
import type { Random } from "./prng.ts";
import type { SampleFormat } from "./words.ts";
import type { Station } from "./world.ts";
import { STATIONS } from "./world.ts";

export type FilePlan = {
  readonly name: string;
  readonly format: SampleFormat;
  readonly gzipped: boolean;
  readonly records: number;
  /** What the file name says (milliseconds); null where it says nothing. */
  readonly referenceMs: number | null;
  /** The latest quarter hour that an ordinary record is of. */
  readonly lastSlotMs: number;
  readonly stations: readonly Station[];
  /** Column names in their order; null for a file without header and for JSON. */
  readonly header: readonly string[] | null;
  readonly lineEnd: "lf" | "crlf" | "mixed";
  readonly bom: boolean;
  readonly finalLineEnd: boolean;
  /** Quotes around all texts, as the archive writes them. */
  readonly quotedTexts: boolean;
  readonly hasLongestField: boolean;
};

const columns = (names: string): readonly string[] => names.split("|");

export const LEGACY_COLUMNS = columns(
  "location|city|country|utc|local|parameter|value|unit|latitude|longitude|attribution",
);
const LEGACY_REORDERED = columns(
  "attribution|country|city|location|parameter|unit|value|comment|longitude|latitude|local|utc",
);
const V2_COLUMNS = columns("locationId|location|city|country|utc|local|parameter|value|unit|latitude|longitude");
const ARCHIVE_COLUMNS = columns("location_id|sensors_id|location|datetime|lat|lon|parameter|units|value");
const EXPLORER_COLUMNS = columns(
  "location_id|location_name|parameter|value|unit|datetimeUtc|datetimeLocal|timezone|" +
    "latitude|longitude|country_iso|isMobile|isMonitor|owner_name|provider",
);
const OPENDATASOFT_COLUMNS = columns(
  "Country Code|City|Location|Coordinates|Pollutant|Source Name|Unit|Value|Last Updated|Country Label",
);

const QUARTER_HOUR_MS = 15 * 60_000;
const DAY_MS = 86_400_000;

type Draught = Partial<FilePlan> & Pick<FilePlan, "name" | "format"> & { readonly share: number };

/**
 * The files of a sample of about `records` records for the day that begins at `dayMs` (UTC midnight). The names follow
 * from the day alone, so that a second sample of the same day replaces the first.
 */
export function planFiles(dayMs: number, records: number, random: Random): readonly FilePlan[] {
  return draughts(dayMs).map((draught) => completed(draught, { dayMs, records, stations: random.shuffle(STATIONS) }));
}

type Day = { readonly dayMs: number; readonly records: number; readonly stations: readonly Station[] };

function completed({ share, ...draught }: Draught, { dayMs, records, stations }: Day): FilePlan {
  const lastMs = Math.min(draught.referenceMs ?? Infinity, dayMs + DAY_MS) - QUARTER_HOUR_MS;
  return {
    gzipped: draught.name.endsWith(".gz"),
    records: Math.round(records * share),
    referenceMs: null,
    lastSlotMs: Math.floor(lastMs / QUARTER_HOUR_MS) * QUARTER_HOUR_MS,
    header: null,
    lineEnd: "lf",
    bom: false,
    finalLineEnd: true,
    quotedTexts: false,
    hasLongestField: false,
    ...draught,
    // An archive file is of one location.
    stations: draught.format === "openaq-archive-csv" ? stations.slice(0, 1) : stations,
  };
}

function draughts(dayMs: number): readonly Draught[] {
  const day = new Date(dayMs).toISOString().slice(0, 10);
  return [...tables(day, dayMs), ...fetches(day, dayMs)];
}

function tables(day: string, dayMs: number): readonly Draught[] {
  const compact = day.replaceAll("-", "");
  const legacy = { format: "openaq-legacy-csv", header: LEGACY_COLUMNS } as const;
  const archive = { format: "openaq-archive-csv", header: ARCHIVE_COLUMNS } as const;
  return [
    { ...legacy, name: `${day}.csv.gz`, share: 0.22, referenceMs: endOfNextDay(dayMs), hasLongestField: true },
    { ...legacy, name: `countries-${compact}.csv`, share: 0.08, header: LEGACY_REORDERED, bom: true, lineEnd: "crlf" },
    { ...legacy, name: `headerless-${compact}.csv`, share: 0.06, header: null, lineEnd: "mixed", finalLineEnd: false },
    {
      name: `measurements-v2-${compact}.csv.gz`,
      format: "openaq-v2-csv",
      share: 0.08,
      header: V2_COLUMNS,
      lineEnd: "mixed",
    },
    { ...archive, name: `location-2178-${compact}.csv.gz`, share: 0.04, lineEnd: "crlf", quotedTexts: true },
    { ...archive, name: `location-4593-${compact}.csv`, share: 0.04, finalLineEnd: false },
    // A header and nothing else: a good file of 0 records.
    { ...archive, name: `location-2179-${compact}.csv.gz`, share: 0, lineEnd: "crlf", quotedTexts: true },
    {
      name: `openaq_location_1274950_${compact}.csv`,
      format: "openaq-explorer-csv",
      share: 0.08,
      header: EXPLORER_COLUMNS,
      lineEnd: "crlf",
      quotedTexts: true,
    },
    {
      name: `opendatasoft-${compact}.csv`,
      format: "opendatasoft-csv",
      share: 0.1,
      header: OPENDATASOFT_COLUMNS,
      bom: true,
      lineEnd: "crlf",
    },
  ];
}

function fetches(day: string, dayMs: number): readonly Draught[] {
  const format = "openaq-realtime-ndjson";
  const fetched = (hours: number, minutes: number, seconds: number): Pick<Draught, "name" | "referenceMs"> => {
    const referenceMs = dayMs + ((hours * 60 + minutes) * 60 + seconds) * 1000;
    return { name: `${referenceMs / 1000}.ndjson.gz`, referenceMs };
  };
  return [
    { format, ...fetched(9, 12, 34), share: 0.12 },
    { format, ...fetched(23, 46, 41), share: 0.12, lineEnd: "mixed", finalLineEnd: false },
    { format, name: `${day}.ndjson`, share: 0.06, referenceMs: endOfNextDay(dayMs), lineEnd: "crlf", bom: true },
  ];
}

/** A file that is named for a day may hold what was reported until a day after its end. */
function endOfNextDay(dayMs: number): number {
  return dayMs + 2 * DAY_MS;
}
