/** Where every object of the lake lies, and the checked values that keys are built from. */
import { createHash } from "node:crypto";

/** One object in the raw bucket. Its identity survives a republish. */
export interface Source {
  readonly bucket: string;
  readonly key: string;
}

/** S3's limit for a key, in UTF-8. */
export const maxKeyBytes = 1024;

export const stageNames = ["cleaner", "joiner"] as const;
/** The stages that keep manifests. */
export type StageName = (typeof stageNames)[number];

/** 32 hex characters of sha256("bucket/key"): the name of a source in every derived key. */
export function sourceIdOf(source: Source): string {
  return createHash("sha256").update(`${source.bucket}/${source.key}`).digest("hex").slice(0, 32);
}

/** The first folder of a raw key, which names its dataset; undefined where the key has no folder. */
export function datasetOfKey(key: string): string | undefined {
  const slash = key.indexOf("/");
  return slash > 0 && slash < key.length - 1 ? key.slice(0, slash) : undefined;
}

/** Whether an object can be brought in under a key: in a folder, and no part empty or made of dots, which a path would take for another. */
export function isPlainKey(key: string): boolean {
  const parts = key.split("/");
  return parts.length > 1 && parts.every((part) => part !== "" && part !== "." && part !== "..");
}

/** ops: the manifest of one stage about one source. */
export function manifestKey(stage: StageName, dataset: string, sourceId: string): string {
  return `${manifestPrefix(stage, dataset)}${sourceId}.json`;
}

/** ops: the folder of one stage's manifests about one dataset. */
export function manifestPrefix(stage: StageName, dataset: string): string {
  return `manifests/${stage}/${checkedName(dataset)}/`;
}

/** ops: which rule pack is wanted for a dataset. */
export function wantedRulesKey(dataset: string): string {
  return `rules/${checkedName(dataset)}.json`;
}

/** ops: whether so many of a dataset's sources were retracted lately that it must be a mistake. */
export function fuseKey(dataset: string): string {
  return `fuse/${checkedName(dataset)}.json`;
}

/** ops: one failure record. `day` is UTC, `unique` comes from the attempt. */
export function failureKey(day: string, stage: string, unique: string): string {
  return `failures/${day}/${checkedName(stage)}/${unique}.json`;
}

/** ops: the failure records of one UTC day. */
export function failurePrefix(day: string): string {
  return `failures/${day}/`;
}

/** ops: one audit record. `at` is its time in UTC as ISO 8601, `id` its own. */
export function auditKey(at: string, action: string, id: string): string {
  return `${auditPrefix}${at.slice(0, 10)}/${at.slice(11, 19).replaceAll(":", "")}-${checkedName(action)}-${id}.json`;
}

/** ops: the folder of all audit records. */
export const auditPrefix = "audit/";

/** silver: the clean part that one attempt writes. */
export function cleanPartKey(dataset: string, part: PartName): string {
  return `${checkedName(dataset)}/clean/${partFile(part)}`;
}

/** silver: the folder of a dataset's quarantine parts. */
export function quarantinePrefix(dataset: string): string {
  return `${checkedName(dataset)}/quarantine/`;
}

/** silver: the quarantine part that one attempt writes. */
export function quarantinePartKey(dataset: string, part: PartName): string {
  return `${quarantinePrefix(dataset)}${partFile(part)}`;
}

/** gold: the folder of a table. */
export function tablePrefix(dataset: string, table: string): string {
  return `${checkedName(dataset)}/${checkedName(table)}/`;
}

/** gold: the part of one partition that one attempt writes. */
export function goldPartKey(dataset: string, table: string, partition: string, part: PartName): string {
  return `${tablePrefix(dataset, table)}${partition === "" ? "" : `${partition}/`}${partFile(part)}`;
}

/** gold: a reference table of the lake, one object, replaced whole. */
export function referenceKey(table: string): string {
  return `${referencePrefix(table)}${table}.parquet`;
}

/** gold: the folder of a reference table. */
export function referencePrefix(table: string): string {
  return `reference/${checkedName(table)}/`;
}

/** What a part's name is made of: no other attempt ever writes the same key. */
export interface PartName {
  readonly sourceId: string;
  readonly generation: number;
  readonly attempt: string;
}

/** `country=BE/year=2018/month=02`, from checked values only. Throws on a value that is not safe in a key. */
export function partitionPath(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${checkedName(name)}=${checkedPartitionValue(value)}`)
    .join("/");
}

/** The values of a partition path, in order. */
export function partitionValues(path: string): readonly string[] {
  return path === "" ? [] : path.split("/").map((level) => level.slice(level.indexOf("=") + 1));
}

function partFile(part: PartName): string {
  return `${part.sourceId}.${part.generation}-${part.attempt}.parquet`;
}

/** A name that may stand in a key and, quoted, in SQL: lower-case letters, digits, `-` and `_`. */
function checkedName(name: string): string {
  if (!/^[a-z0-9][a-z0-9_-]{0,62}$/.test(name))
    throw new RangeError(`not a safe name for a key: ${JSON.stringify(name)}`);
  return name;
}

function checkedPartitionValue(value: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(value)) {
    throw new RangeError(`not a safe partition value: ${JSON.stringify(value.slice(0, 80))}`);
  }
  return value;
}
