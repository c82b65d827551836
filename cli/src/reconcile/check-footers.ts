/** Whether parts are what their manifests say, by what they say of themselves. */
import type { Part } from "@airlake/shared/contracts/manifest";

import type { OpenedLake } from "../opened-lake.ts";
import { type SourceFacts, manifestIn } from "./facts.ts";
import { type Finding, mendOf } from "./findings.ts";
import { rowsInFooter } from "./parquet-footer.ts";

/** Every part of the right size says in its footer how many rows it has. */
export async function checkFooters(opened: OpenedLake, facts: SourceFacts): Promise<readonly Finding[]> {
  const there = new Map(facts.objects.map((object) => [object.key, object.sizeBytes]));
  const found: Finding[] = [];
  for (const stage of ["cleaner", "joiner"] as const) {
    const manifest = manifestIn(facts[stage]);
    for (const part of manifest?.outputs ?? []) {
      if (manifest === undefined || there.get(part.key) !== part.bytes) continue;
      const detail = await whatIsWrong(opened, part);
      if (detail === undefined) continue;
      const { sourceId } = facts;
      const what = `${part.bucket}/${part.key}`;
      found.push({ kind: "damaged-part", sourceId, source: manifest.source.key, what, detail, mend: mendOf(manifest) });
    }
  }
  return found;
}

/** A sentence where the part is not what its manifest says; undefined also where it has just been replaced. */
async function whatIsWrong(opened: OpenedLake, part: Part): Promise<string | undefined> {
  const place = { bucket: opened.topology.buckets[part.bucket], key: part.key, sizeBytes: part.bytes };
  const rows = await rowsInFooter(opened.s3, place).catch(unlessGone);
  if (rows === part.rows || rows === undefined) return undefined;
  return typeof rows === "string" ? rows : `${rows} rows, not ${part.rows}`;
}

function unlessGone(error: unknown): undefined {
  if (error instanceof Error && (error.name === "NoSuchKey" || error.name === "InvalidRange")) return undefined;
  throw error;
}
