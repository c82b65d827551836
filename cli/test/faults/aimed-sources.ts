/** Sources for the aims: what each version of them is, and what must be left of them. */
import { type Aim, aims } from "./aims.ts";
import { type Fate, tableOf } from "./plan.ts";

type Version = Aim["versions"][number];

export interface AimedSource {
  readonly aim: Aim;
  readonly bodies: Readonly<Record<Version, string>>;
  readonly fate: Fate;
}

/** So many sources for each aim of these names, by their keys. */
export function aimedSources(perAim: number, names: readonly string[]): ReadonlyMap<string, AimedSource> {
  const wanted = aims.filter(({ name }) => names.includes(name));
  const all = wanted.flatMap((aim) => Array.from({ length: perAim }, (_, at) => sourceOf(aim, at)));
  return new Map(all.map((source) => [source.fate.key, source]));
}

function sourceOf(aim: Aim, at: number): AimedSource {
  const rows = {
    good: [`${aim.name} ${at} first`, `${aim.name} ${at} second`],
    other: [`${aim.name} ${at} other`],
    broken: [],
  };
  const bodies = { good: tableOf(rows.good, "02"), other: tableOf(rows.other, "03"), broken: "no table at all\n" };
  const fate: Fate = {
    key: `openaq/faults/${aim.name}-${at}.csv`,
    last: aim.last,
    rows: rows[aim.versions.at(-1) ?? "good"],
    everRows: aim.versions.filter((one) => one !== "broken").map((one) => rows[one]),
    quarantined: 0,
    mayBeParked: aim.last === "broken",
  };
  return { aim, bodies, fate };
}
