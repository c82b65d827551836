/** Files of plain measurements in the legacy CSV format: as many records as wanted, with the defects that real days have. */
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

import { LEGACY_COLUMNS } from "../cli/src/sample/plan.ts";
import { type Random, createRandom, itemAt } from "../cli/src/sample/prng.ts";
import { stamp } from "../cli/src/sample/stamp.ts";
import { CHANNELS_PER_STATION, STATIONS } from "../cli/src/sample/world.ts";

/** The day whose name the files bear: its end is their reference time. */
export const dayName = "2018-02-06";
const lastSlotMs = Date.parse(`${dayName}T23:45:00Z`);
const quarterHourMs = 15 * 60_000;
/** So many places lie around each of the sample's stations: 5,311 in all, and the reference day has 5,332. */
const variants = 113;
const chunkCharacters = 256 * 1024;

export interface DayOptions {
  /** So many records, or so many bytes of text, whichever comes first. */
  readonly records: number;
  readonly bytes?: number;
  /** 0, unless told, for no compression; 6 is what gzip does. */
  readonly gzipLevel?: number;
  /** The first place that reports, and how many do: all, unless told. The first 47 lie in 35 countries. */
  readonly places?: readonly [first: number, count: number];
  /** So many months in turn, not quarter hour after quarter hour. */
  readonly months?: number;
  /** So many months earlier than the file's name says. */
  readonly monthsBack?: number;
}

/** Writes one file, and the folder for it. The same options give the same bytes. */
export async function writeDay(path: string, options: DayOptions): Promise<void> {
  const { gzipLevel = 0 } = options;
  await mkdir(dirname(path), { recursive: true });
  const compress = gzipLevel === 0 ? new PassThrough() : createGzip({ level: gzipLevel });
  await pipeline(Readable.from(textOf(options)), compress, createWriteStream(path));
}

/** Small files in folders of their own, each of one place, as OpenAQ's archive has them. */
export async function writePlaces(folder: string, count: number, records: number): Promise<readonly string[]> {
  const paths = Array.from({ length: count }, (_, at) => join(folder, String(at), `${dayName}.csv`));
  for (const [at, path] of paths.entries()) await writeDay(path, { records, places: [at, 1] });
  return paths;
}

function* textOf({ records, bytes = Infinity, months = 1, monthsBack = 0, ...options }: DayOptions): Generator<string> {
  const [first, count] = options.places ?? [0, STATIONS.length * variants];
  const random = createRandom(1, "bench");
  let text = `${LEGACY_COLUMNS.join(",")}\n`;
  let written = 0;
  for (let at = 0; at < records && written < bytes; at += 1) {
    const turn = Math.floor(at / count);
    const slot = months === 1 ? Math.floor(turn / CHANNELS_PER_STATION) : 0;
    const instantMs = monthsBefore(lastSlotMs - slot * quarterHourMs, monthsBack + (turn % months));
    text += recordOf({ place: first + (at % count), channel: turn % CHANNELS_PER_STATION, instantMs }, random);
    if (text.length < chunkCharacters) continue;
    written += Buffer.byteLength(text);
    yield text;
    text = "";
  }
  yield text;
}

function monthsBefore(instantMs: number, months: number): number {
  if (months === 0) return instantMs;
  const at = new Date(instantMs);
  return at.setUTCMonth(at.getUTCMonth() - months);
}

type Reported = { readonly place: number; readonly channel: number; readonly instantMs: number };

function recordOf({ place, channel: number, instantMs }: Reported, random: Random): string {
  const station = itemAt(STATIONS, place % STATIONS.length);
  const variant = Math.floor(place / STATIONS.length) % variants;
  const channel = itemAt(station.channels, number);
  // Stations lie at least 15 km inside their countries; these lie within 7 km of them. 8.5 % have no coordinates.
  const latitude = (Number(station.latitude) + (variant - variants / 2) / 2000).toFixed(4);
  const hasPlace = (place * 7919) % 1000 >= 85;
  const credit = `[{"name":"Agency for the air of ${station.countryLabel}","url":"http://air.example/${station.country}"}]`;
  return `${[
    quoted(`${station.location} ${variant}`),
    quoted(station.city),
    station.country,
    stamp(instantMs, 0, { zone: "Z", fraction: ".000" }),
    stamp(instantMs, station.offsetMinutes, {}),
    channel.parameter,
    valueOf(random) ?? (channel.low + random.unit() * (channel.high - channel.low)).toFixed(channel.digits),
    channel.unit,
    hasPlace ? latitude : "",
    hasPlace ? station.longitude : "",
    quoted(credit),
  ].join(",")}\n`;
}

/** Sentinels, noise below zero and zeros, in the shares of the reference day. */
function valueOf(random: Random): string | undefined {
  const lot = random.unit();
  if (lot < 0.0025) return "-999";
  if (lot < 0.0075) return "-0.001";
  return lot < 0.02 ? "0" : undefined;
}

function quoted(text: string): string {
  return /[",\n]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
