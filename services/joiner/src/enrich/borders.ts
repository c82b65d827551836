/** From coordinates to the country that they lie in, and to every country code that is right there. */
import { createHash } from "node:crypto";

import { borders as drawnBorders, featuresContaining } from "@rapideditor/country-coder";

import { type ContestedGround, contestedGround } from "./contested-ground.ts";
import { countryTable } from "./countries.ts";

/** What is known of a point. */
export interface Place {
  /** The ISO alpha-2 code (or XK) of the country or territory that the point lies in; null at sea and on no country's ground. */
  readonly code: string | null;
  /** Every code that is right for the point: the territory's, its sovereign's, those of contested ground, and of countries within the tolerance. */
  readonly accepted: readonly string[];
}

export interface Borders {
  /** Changes with the library, its borders, the contested ground and the tolerance. */
  readonly fingerprint: string;
  /** Degrees north and east. A point that is not on the globe (out of range, not finite) lies nowhere: null and no codes. */
  locate(latitude: number, longitude: number): Place;
}

/** The library's areas, as far as they matter here; smallest first. */
interface Area {
  readonly properties: { readonly id: string; readonly iso1A2?: string | undefined };
}

const library = "@rapideditor/country-coder@5.6.1";
/**
 * How far a border may be off, to the north, south, east and west. On real stations the library's simplified lines were
 * wrong by up to 1.4 km (docs/borders.md); more than that would hide wrong codes in border towns.
 */
const toleranceKm = 2;
const kmPerDegree = 111.195;
const nowhere: Place = { code: null, accepted: [] };

/** @param remembered how many points' places are kept, the last used ones: 32,768 take less than 10 MB, and a day of the whole world has about 5,000 */
export function createBorders(remembered = 32_768): Borders {
  const known = new Set(countryTable().map((country) => country.alpha2));
  const places = new Map<string, Place>();
  return {
    fingerprint: fingerprint(),
    locate(latitude, longitude) {
      const key = `${latitude},${longitude}`;
      const place = places.get(key) ?? placeOf(latitude, longitude, known);
      // A Map keeps the order of insertion: set anew, the point is the last to be forgotten.
      places.delete(key);
      places.set(key, place);
      if (places.size > remembered) forgetOldest(places);
      return place;
    },
  };
}

function fingerprint(): string {
  const drawn = JSON.stringify([drawnBorders, contestedGround, toleranceKm]);
  return `${library}+${createHash("sha256").update(drawn).digest("hex").slice(0, 16)}`;
}

function forgetOldest(places: Map<string, Place>): void {
  for (const key of places.keys()) {
    places.delete(key);
    return;
  }
}

function placeOf(latitude: number, longitude: number, known: ReadonlySet<string>): Place {
  // Also false for NaN.
  if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) return nowhere;
  const here = areasAt(latitude, longitude);
  const own = codesOf(here, known);
  const contested = contestedAt(here, latitude, longitude);
  const near = boxesAround(latitude, longitude).flatMap((box) => codesOf(featuresContaining(box), known));
  return { code: own[0] ?? contested[0] ?? null, accepted: [...new Set([...own, ...contested, ...near])] };
}

/** The library's ray casting sees nothing on the very edge of its map, and its Russia begins up to 700 m east of -180: the edge is asked for 11 m west of it. */
function areasAt(latitude: number, longitude: number): readonly Area[] {
  const edge = 179.9999;
  return featuresContaining([Math.abs(longitude) > edge ? edge : longitude, Math.max(-89.9999, latitude)]);
}

/** The codes of areas that are in the table: the library also has FX, IC, EU, UN and others, within areas that have a code of ISO's. */
function codesOf(areas: readonly Area[], known: ReadonlySet<string>): readonly string[] {
  const codes: string[] = [];
  for (const { properties } of areas) {
    if (properties.iso1A2 !== undefined && known.has(properties.iso1A2)) codes.push(properties.iso1A2);
  }
  return codes;
}

/** The smallest area alone is asked: the list names no other. */
function contestedAt([smallest]: readonly Area[], latitude: number, longitude: number): readonly string[] {
  return contestedGround
    .filter(
      ({ areas, box }) =>
        smallest !== undefined && areas.includes(smallest.properties.id) && inBox(box, latitude, longitude),
    )
    .flatMap(({ codes }) => codes);
}

function inBox(box: ContestedGround["box"], latitude: number, longitude: number): boolean {
  if (box === undefined) return true;
  const [south, west, north, east] = box;
  return latitude >= south && latitude <= north && longitude >= west && longitude <= east;
}

/** What lies within the tolerance, as boxes of west, south, east, north: two where it crosses the antimeridian. */
function boxesAround(latitude: number, longitude: number): [number, number, number, number][] {
  const tall = toleranceKm / kmPerDegree;
  const south = Math.max(-90, latitude - tall);
  const north = Math.min(90, latitude + tall);
  const wide = tall / Math.cos((Math.abs(latitude) * Math.PI) / 180);
  // So near a pole the box goes all the way round.
  if (wide >= 180) return [[-180, south, 180, north]];
  const west = longitude - wide;
  const east = longitude + wide;
  if (west < -180)
    return [
      [-180, south, east, north],
      [west + 360, south, 180, north],
    ];
  if (east > 180)
    return [
      [west, south, 180, north],
      [-180, south, east - 360, north],
    ];
  return [[west, south, east, north]];
}
