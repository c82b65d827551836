/** What happens to every source, and what the lake must hold of it in the end: all of it from a seed. */
import { gzipSync } from "node:zlib";

import { type Random, createRandom, itemAt } from "../../src/sample/prng.ts";

/** One change of one source. */
export interface Step {
  readonly key: string;
  readonly change: "put" | "remove";
  /** Of a put. */
  readonly body: string | Buffer;
}

/** What must be true of a source when all is quiet. */
export interface Fate {
  readonly key: string;
  /** The last content: good, no table at all, or none. */
  readonly last: "good" | "broken" | "gone";
  /** Labels of the rows that must be in gold, each once. With a broken end they may be of the last good version, or of any before. */
  readonly rows: readonly string[];
  /** All sets of rows that a good version ever had: an end that is broken keeps one of them, or none. */
  readonly everRows: readonly (readonly string[])[];
  readonly quarantined: number;
  /** Broken once: its message may lie in the dead-letter queue. */
  readonly mayBeParked: boolean;
}

export interface Plan {
  readonly steps: readonly Step[];
  readonly fates: readonly Fate[];
}

interface Version {
  readonly kind: Fate["last"];
  readonly body: string | Buffer;
  readonly rows: readonly string[];
  readonly quarantined: number;
}

const countries = ["BE", "NL", "FR", "DE", "LU"] as const;
const header = "location,city,country,utc,local,parameter,value,unit,latitude,longitude,attribution";
const mostSteps = 5;
const mostRows = 6;

/** Steps of all sources in one order, in bursts: neighbours often touch the same source. */
export function planOf(sources: number, seed: number): Plan {
  const random = createRandom(seed, "plan");
  const stories = Array.from({ length: sources }, (_, at) => storyOf(at, createRandom(seed, `source ${at}`)));
  const steps: Step[] = [];
  const open = stories.map(({ key, versions }) => ({ key, versions: [...versions] }));
  while (open.length > 0) {
    // A window moves over the sources, so that an early one is done while a late one has not begun.
    const at = random.below(Math.min(open.length, 50));
    const story = itemAt(open, at);
    const burst = 1 + random.below(random.chance(0.3) ? mostSteps : 2);
    for (const { kind, body } of story.versions.splice(0, burst))
      steps.push({ key: story.key, change: kind === "gone" ? "remove" : "put", body });
    if (story.versions.length === 0) open.splice(at, 1);
  }
  return { steps, fates: stories.map(fateOf) };
}

function storyOf(at: number, random: Random): { readonly key: string; readonly versions: readonly Version[] } {
  const versions: Version[] = [];
  const count = 1 + random.below(mostSteps);
  for (let version = 1; version <= count; version += 1) versions.push(versionOf({ at, version }, versions, random));
  return { key: `openaq/faults/${String(at).padStart(6, "0")}.csv`, versions };
}

function versionOf(
  { at, version }: { readonly at: number; readonly version: number },
  before: readonly Version[],
  random: Random,
): Version {
  const last = before.at(-1);
  // Few: a fuse stops what looks like an emptied bucket.
  if (last !== undefined && last.kind !== "gone" && random.chance(0.08))
    return { kind: "gone", body: "", rows: [], quarantined: 0 };
  if (random.chance(0.06)) return { kind: "broken", body: brokenBody(at, version), rows: [], quarantined: 0 };
  const old = before.filter(({ kind }) => kind === "good");
  // The same bytes again, and A, B, A.
  if (old.length > 0 && random.chance(0.25)) return random.pick(old);
  return goodVersion({ at, version }, random);
}

function goodVersion({ at, version }: { readonly at: number; readonly version: number }, random: Random): Version {
  const rows = Array.from({ length: 1 + random.below(mostRows) }, (_, row) => `s${at}v${version}r${row}`);
  const quarantined = random.below(3);
  const month = String(1 + random.below(12)).padStart(2, "0");
  const lines = [
    ...rows.map((label, row) => lineOf(label, { month, value: row + 1, country: random.pick(countries) })),
    ...Array.from({ length: quarantined }, (_, row) =>
      lineOf(`s${at}v${version}q${row}`, { month, value: -999, country: "BE" }),
    ),
  ];
  const whole = [header, ...random.shuffle(lines), ""].join("\n");
  // Whoever uploaded it was cut off in the middle of a line, and the store took what there was for all of it.
  if (!random.chance(0.1)) return { kind: "good", body: whole, rows, quarantined };
  const cut = lineOf(`s${at}v${version}cut`, { month, value: 1, country: "BE" }).slice(0, 30 + random.below(20));
  return { kind: "good", body: whole + cut, rows, quarantined: quarantined + 1 };
}

/** No table, or a gzip file whose end never arrived. */
function brokenBody(at: number, version: number): string | Buffer {
  if (version % 2 === 1) return `no table at all ${at} ${version}\n`;
  const whole = gzipSync(
    [header, lineOf(`s${at}v${version}`, { month: "01", value: 1, country: "BE" }), ""].join("\n"),
  );
  return whole.subarray(0, whole.length - 12);
}

function lineOf(
  label: string,
  { month, value, country }: { readonly month: string; readonly value: number; readonly country: string },
): string {
  return `${label},A,${country},2018-${month}-06T05:00:00Z,2018-${month}-06T05:00:00+00:00,pm25,${value},µg/m³,,,`;
}

/** A file with one row for each label. */
export function tableOf(rows: readonly string[], month: string): string {
  return [header, ...rows.map((label, at) => lineOf(label, { month, value: at + 1, country: "BE" })), ""].join("\n");
}

function fateOf({ key, versions }: { readonly key: string; readonly versions: readonly Version[] }): Fate {
  const last = itemAt(versions, versions.length - 1);
  return {
    key,
    last: last.kind,
    rows: last.rows,
    everRows: versions.filter(({ kind }) => kind === "good").map(({ rows }) => rows),
    quarantined: last.quarantined,
    mayBeParked: versions.some(({ kind }) => kind === "broken"),
  };
}
