/**
 * What a look through the lake has found so far, in a file of its own and not in memory: a lake has more sources than fit there.
 * Everything is kept by source, so that the layers of one source come together whatever the order of the listings.
 */
import { DatabaseSync } from "node:sqlite";
import { parseJson } from "@airlake/shared/contracts/s3-event";
import { type StageName, stageNames } from "@airlake/shared/contracts/keys";
import { manifestSchema } from "@airlake/shared/contracts/manifest";
import { z } from "zod";

import type { ObjectFacts, RawFacts, SourceFacts, StageFacts } from "./facts.ts";
import { type Finding, type Kind, findingSchema, kindNames } from "./findings.ts";

/** Partitions by dataset: those that manifests name, and those that the catalog knows. */
export type PartitionSide = "named" | "registered";

export interface Scratch extends Disposable {
  addRaw(sourceId: string, raw: RawFacts): void;
  addObject(sourceId: string, object: ObjectFacts): void;
  addStage(sourceId: string, stage: StageName, facts: StageFacts): void;
  addPartition(side: PartitionSide, dataset: string, path: string): void;
  addFinding(finding: Finding): void;
  /** Every source that any layer knows of, in the order of their ids. */
  sources(): Generator<SourceFacts>;
  /** Everything whose name begins with this source's id. */
  objectsOf(sourceId: string): readonly ObjectFacts[];
  /** Objects whose names carry no source's id. */
  strangers(): Generator<ObjectFacts>;
  /** Partitions of one side that the other has not. */
  partitionsOnly(side: PartitionSide): Generator<{ readonly dataset: string; readonly path: string }>;
  /** In the order in which they were added. */
  findings(kind?: Kind): Generator<Finding>;
  counts(): ReadonlyMap<Kind, number>;
}

const layout = `
  PRAGMA journal_mode = OFF;
  PRAGMA synchronous = OFF;
  PRAGMA cache_size = -32000;
  CREATE TABLE raw (source_id TEXT PRIMARY KEY, facts TEXT) WITHOUT ROWID;
  CREATE TABLE objects (source_id TEXT, bucket TEXT, key TEXT, facts TEXT, PRIMARY KEY (source_id, bucket, key)) WITHOUT ROWID;
  CREATE TABLE stages (source_id TEXT, stage TEXT, facts TEXT, PRIMARY KEY (source_id, stage)) WITHOUT ROWID;
  CREATE TABLE partitions (side TEXT, dataset TEXT, path TEXT, PRIMARY KEY (side, dataset, path)) WITHOUT ROWID;
  CREATE TABLE findings (kind TEXT, facts TEXT);
  CREATE INDEX by_kind ON findings (kind);
  BEGIN;`;

/** Opens a new scratch file. Disposing closes it; the file goes with its folder. */
export function openScratch(file: string): Scratch {
  const db = new DatabaseSync(file);
  db.exec(layout);
  const put = {
    raw: db.prepare("INSERT OR REPLACE INTO raw VALUES (?, ?)"),
    object: db.prepare("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)"),
    stage: db.prepare("INSERT OR REPLACE INTO stages VALUES (?, ?, ?)"),
    partition: db.prepare("INSERT OR IGNORE INTO partitions VALUES (?, ?, ?)"),
    finding: db.prepare("INSERT INTO findings VALUES (?, ?)"),
  };
  const get = {
    raw: db.prepare("SELECT facts FROM raw WHERE source_id = ?"),
    objects: db.prepare("SELECT facts FROM objects WHERE source_id = ?"),
    stage: db.prepare("SELECT facts FROM stages WHERE source_id = ? AND stage = ?"),
  };
  const objectsOf = (sourceId: string): readonly ObjectFacts[] =>
    get.objects.all(sourceId).flatMap((row) => read(objectRow, row) ?? []);
  const sourceOf = (sourceId: string): SourceFacts => {
    const stages = stageNames.map((stage) => read(stageRow, get.stage.get(sourceId, stage)));
    return {
      sourceId,
      raw: read(rawRow, get.raw.get(sourceId)),
      cleaner: stages[0],
      joiner: stages[1],
      objects: objectsOf(sourceId),
    };
  };
  return {
    addRaw: (sourceId, raw) => void put.raw.run(sourceId, JSON.stringify(raw)),
    addObject: (sourceId, object) => void put.object.run(sourceId, object.bucket, object.key, JSON.stringify(object)),
    addStage: (sourceId, stage, facts) => void put.stage.run(sourceId, stage, JSON.stringify(facts)),
    addPartition: (side, dataset, path) => void put.partition.run(side, dataset, path),
    addFinding: (finding) => void put.finding.run(finding.kind, JSON.stringify(finding)),
    *sources() {
      for (const sourceId of sourceIds(db)) yield sourceOf(sourceId);
    },
    objectsOf,
    *strangers() {
      for (const row of get.objects.iterate("")) {
        const object = read(objectRow, row);
        if (object !== undefined) yield object;
      }
    },
    *partitionsOnly(side) {
      const rows = db
        .prepare(
          `SELECT dataset, path FROM partitions WHERE side = ?1
           EXCEPT SELECT dataset, path FROM partitions WHERE side <> ?1 ORDER BY dataset, path`,
        )
        .iterate(side);
      for (const { dataset, path } of rows) yield { dataset: String(dataset), path: String(path) };
    },
    *findings(kind) {
      const where = kind === undefined ? "" : "WHERE kind = ?";
      const rows = db.prepare(`SELECT facts FROM findings ${where} ORDER BY rowid`);
      for (const row of kind === undefined ? rows.iterate() : rows.iterate(kind)) yield findingOf(row);
    },
    counts() {
      const rows = db.prepare("SELECT kind, count(*) AS found FROM findings GROUP BY kind").all();
      const kindAndCount = z.object({ kind: z.enum(kindNames), found: z.number() });
      return new Map(rows.map((row) => kindAndCount.parse(row)).map(({ kind, found }) => [kind, found]));
    },
    [Symbol.dispose]: () => db.close(),
  };
}

/** A page at a time: a statement that stays open would see what is added meanwhile. */
function* sourceIds(db: DatabaseSync): Generator<string> {
  const page = db.prepare(
    `SELECT source_id FROM (
       SELECT source_id FROM (SELECT source_id FROM raw WHERE source_id > ?1 ORDER BY source_id LIMIT 1000)
       UNION SELECT source_id FROM (SELECT DISTINCT source_id FROM objects WHERE source_id > ?1 ORDER BY source_id LIMIT 1000)
       UNION SELECT source_id FROM (SELECT DISTINCT source_id FROM stages WHERE source_id > ?1 ORDER BY source_id LIMIT 1000)
     ) ORDER BY source_id LIMIT 1000`,
  );
  for (let after = ""; ;) {
    const ids = page.all(after).map((row) => String(row["source_id"]));
    yield* ids;
    const last = ids.at(-1);
    if (last === undefined) return;
    after = last;
  }
}

const rawRow = z.object({ key: z.string(), etag: z.string(), modifiedMs: z.number() });
const objectRow = z.object({
  bucket: z.enum(["silver", "gold"]),
  key: z.string(),
  sizeBytes: z.number(),
  modifiedMs: z.number(),
});
const seen = { etag: z.string(), modifiedMs: z.number() };
const stageRow = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("manifest"), manifest: manifestSchema, ...seen }),
  z.object({ kind: z.literal("unreadable"), why: z.string(), ...seen }),
]);

function read<T>(schema: z.ZodType<T>, row: Readonly<Record<string, unknown>> | undefined): T | undefined {
  return row === undefined ? undefined : schema.parse(parseJson(String(row["facts"])));
}

function findingOf(row: Readonly<Record<string, unknown>>): Finding {
  return findingSchema.parse(parseJson(String(row["facts"])));
}
