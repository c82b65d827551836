/** What the lake holds when all is quiet, held against what the plan says it must. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { DuckDBInstance } from "@duckdb/node-api";
import { z } from "zod";

import { readManifests } from "../../src/query/read-manifests.ts";
import { systemClock } from "@airlake/shared/clock";
import { sourceIdOf } from "@airlake/shared/contracts/keys";
import type { Manifest, Part } from "@airlake/shared/contracts/manifest";
import type { Buckets } from "@airlake/shared/contracts/topology";
import { quoteText } from "@airlake/shared/duckdb";
import { registeredPartitions } from "@airlake/shared/embedded/catalog-file";
import type { Fate } from "./plan.ts";

const dataset = "openaq";

/** A lake as files, and where its catalog is. */
export interface Judged {
  /** With a folder for each bucket. */
  readonly folder: string;
  readonly buckets: Buckets;
  /** Undefined where reconciliation alone can ask the catalog. */
  readonly catalogFile: string | undefined;
}

export interface Verdict {
  /** A sentence for everything that is not as it must be. */
  readonly faults: readonly string[];
  /** Objects among the parts that no manifest names. */
  readonly orphans: readonly string[];
}

export async function judge(judged: Judged, fates: readonly Fate[]): Promise<Verdict> {
  const ops = join(judged.folder, judged.buckets.ops);
  const cleaned = await readManifests(ops, { stage: "cleaner", dataset });
  const joined = await readManifests(ops, { stage: "joiner", dataset });
  const all = [...cleaned.values(), ...joined.values()];
  const { orphans, missing } = await compareParts(judged, all);
  const finished = [...all.flatMap(unfinished), ...missing, ...(await unregistered(judged, joined))];
  // What is not there cannot be read.
  if (missing.length > 0) return { faults: finished, orphans };
  const rows = await labelsIn(judged, all, "gold");
  const quarantined = await labelsIn(judged, all, "quarantine");
  const ofSources = fates.flatMap((fate) => {
    const id = sourceIdOf({ bucket: judged.buckets.raw, key: fate.key });
    const seen = { rows: rows.get(id) ?? [], quarantined: quarantined.get(id)?.length ?? 0 };
    return faultsOfSource(fate, { cleaner: cleaned.get(id), joiner: joined.get(id) }, seen);
  });
  return { faults: [...ofSources, ...finished], orphans };
}

interface Seen {
  readonly rows: readonly string[];
  readonly quarantined: number;
}

interface Stages {
  readonly cleaner: Manifest | undefined;
  readonly joiner: Manifest | undefined;
}

function faultsOfSource(fate: Fate, stages: Stages, seen: Seen): readonly string[] {
  const fault =
    stateFault(fate, stages) ?? rowsFault(fate, seen) ?? countsFault(fate, stages, seen) ?? historyFault(stages);
  return fault === undefined ? [] : [`${fate.key}: ${fault}`];
}

const states = { good: "current", broken: "rejected", gone: "retracted" } as const;

function stateFault({ last }: Fate, { cleaner }: Stages): string | undefined {
  // What went before anybody looked was never there.
  if (cleaner === undefined && last === "gone") return undefined;
  return cleaner?.state === states[last]
    ? undefined
    : `the cleaner says ${cleaner?.state ?? "nothing"}, not ${states[last]}`;
}

/** Each row once. Where the end is broken, those of a good version before it: which one depends on what the cleaner came to see. */
function rowsFault({ last, rows, everRows }: Fate, seen: Seen): string | undefined {
  const allowed = last === "broken" ? [[], ...everRows] : [rows];
  const shown = textOf(seen.rows);
  return allowed.some((one) => textOf(one) === shown) ? undefined : `gold has ${shown}, not ${textOf(rows)}`;
}

function countsFault({ last, quarantined }: Fate, { cleaner, joiner }: Stages, seen: Seen): string | undefined {
  const kept = cleaner?.counts?.kept ?? 0;
  if (kept !== seen.rows.length) return `gold has ${seen.rows.length} rows, and the cleaner kept ${kept}`;
  const joined = (joiner?.outputs ?? []).reduce((sum, part) => sum + part.rows, 0);
  if (joined !== seen.rows.length) return `gold has ${seen.rows.length} rows, and the joiner counts ${joined}`;
  if (last === "broken" || seen.quarantined === quarantined) return undefined;
  return `${seen.quarantined} records in quarantine, not ${quarantined}`;
}

/** Each version that the joiner ever made has the rows of the version of the cleaner that it was made of: none vanished for a while. */
function historyFault({ cleaner, joiner }: Stages): string | undefined {
  const kept = new Map(cleaner?.versions.map((version) => [String(version.generation), version.kept]));
  const wrong = joiner?.versions.find((version) => {
    const upstream = kept.get(generationIn(version.identity));
    // Of a version that was no good, or is forgotten, it is not known.
    return version.state === "current" && typeof upstream === "number" && version.kept !== upstream;
  });
  if (wrong === undefined) return undefined;
  return `for a while gold had ${wrong.kept} rows of it, where the cleaner had kept ${kept.get(generationIn(wrong.identity))}`;
}

/** Of what the joiner notes of its input the number comes first. */
function generationIn(identity: string): string {
  return /^\d+/.exec(identity)?.[0] ?? identity;
}

function textOf(rows: readonly string[]): string {
  return rows.length === 0 ? "no rows" : rows.toSorted().join(" ");
}

function unfinished(manifest: Manifest): readonly string[] {
  const { stage, source, pending, debris, rejection } = manifest;
  const left = [
    ...(pending.length > 0 ? [`${pending.length} parts pending`] : []),
    ...(debris.length > 0 ? [`${debris.length} parts to be deleted`] : []),
    ...(rejection?.parked === false ? ["a rejection not parked"] : []),
  ];
  return left.map((what) => `${source.key}: the ${stage} left ${what}`);
}

const labels = z.array(z.object({ source_id: z.string(), label: z.string().nullable() }));

/** The location of every row, by source id. */
async function labelsIn(
  { folder, buckets }: Judged,
  manifests: readonly Manifest[],
  role: Part["role"],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const files = manifests
    .flatMap(({ outputs }) => outputs.filter((part) => part.role === role))
    .map(({ bucket, key }) => quoteText(join(folder, buckets[bucket], key)));
  const found = new Map<string, string[]>();
  if (files.length === 0) return found;
  const label = role === "gold" ? "location" : "original";
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(
      `SELECT source_id, ${label} AS label FROM read_parquet([${files.join(", ")}], union_by_name = true)`,
    );
    for (const row of labels.parse(reader.getRowObjectsJS())) {
      const others = found.get(row.source_id) ?? [];
      others.push(row.label ?? "");
      found.set(row.source_id, others);
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  return found;
}

/** Parts that lie in silver or gold, and no manifest names; and named ones that are not there. */
async function compareParts(
  { folder, buckets }: Judged,
  manifests: readonly Manifest[],
): Promise<{ readonly orphans: readonly string[]; readonly missing: readonly string[] }> {
  const named = new Set(manifests.flatMap(({ outputs }) => outputs.map(({ bucket, key }) => `${bucket}/${key}`)));
  const found = new Set<string>();
  for (const bucket of ["silver", "gold"] as const) {
    const at = join(folder, buckets[bucket]);
    for (const entry of await readdir(at, { recursive: true, withFileTypes: true })) {
      const key = join(entry.parentPath, entry.name).slice(at.length + 1);
      if (entry.isFile() && !key.startsWith("reference/")) found.add(`${bucket}/${key}`);
    }
  }
  return {
    orphans: [...found].filter((part) => !named.has(part)),
    missing: [...named].filter((part) => !found.has(part)).map((part) => `${part} is named, and not there`),
  };
}

async function unregistered(
  { catalogFile: file }: Judged,
  joined: ReadonlyMap<string, Manifest>,
): Promise<readonly string[]> {
  if (file === undefined) return [];
  const known = await registeredPartitions({ file, clock: systemClock }, { database: dataset, name: "measurements" });
  const wanted = new Set([...joined.values()].flatMap(({ outputs }) => outputs.map(({ partition }) => partition)));
  return [...wanted].filter((one) => !known.has(one)).map((one) => `the catalog does not know ${one}`);
}
