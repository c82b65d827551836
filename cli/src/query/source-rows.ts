/** The rows of the view `sources`: what the manifests of cleaner and joiner say about each source, side by side. Pure. */
import type { Column } from "@airlake/shared/contracts/dataset";
import { type Manifest, isCommitOf } from "@airlake/shared/contracts/manifest";

type SourceColumn = Omit<Column, "type"> & { readonly type: Column["type"] | "map<bigint>" };

/** The columns of `sources`, in order. */
export const sourceColumns: readonly SourceColumn[] = [
  { name: "key", type: "text", comment: "The source's key in the raw bucket" },
  { name: "dataset", type: "text", comment: "The dataset that its records belong to" },
  { name: "format", type: "text", comment: "The format that it was recognised as" },
  { name: "state", type: "text", comment: "new, current, rejected or retracted" },
  {
    name: "stale",
    type: "boolean",
    comment: "True where the records are of an older version, as the newest one was rejected",
  },
  { name: "reason", type: "text", comment: "Why the newest version was rejected; null where it was not" },
  { name: "detail", type: "text", comment: "The same in words" },
  { name: "read", type: "bigint", comment: "Records read; read = kept + quarantined" },
  { name: "kept", type: "bigint", comment: "Records kept" },
  { name: "quarantined", type: "bigint", comment: "Records quarantined" },
  { name: "reasons", type: "map<bigint>", comment: "Quarantined records by their first reason" },
  { name: "flags", type: "map<bigint>", comment: "Kept records by flag" },
  { name: "joined", type: "boolean", comment: "True where the table of records has what the cleaner has made of it" },
  { name: "partitions", type: "bigint", comment: "How many partitions have records of it" },
  { name: "parts", type: "bigint", comment: "How many Parquet files its records are in, without quarantine" },
  { name: "bytes", type: "bigint", comment: "The size of those files" },
  { name: "size", type: "bigint", comment: "The size of the source as delivered" },
  { name: "last_modified", type: "timestamptz", comment: "When the source was put into the raw bucket" },
  { name: "committed_at", type: "timestamptz", comment: "When its records were last written" },
  { name: "generation", type: "bigint", comment: "How many times they were written" },
  { name: "rule_pack", type: "int", comment: "The rule pack that they were cleaned by" },
  {
    name: "reference_time",
    type: "timestamptz",
    comment: "When the source was made; future timestamps are later than that",
  },
  { name: "source_id", type: "text", comment: "32 hex characters, as source_id in the tables of records" },
];

export type SourceRow = Readonly<Record<string, unknown>>;

/** One row for every source that has a manifest, ordered by key. Values are as JSON has them; times are ISO 8601. */
export function sourceRows(
  cleaned: ReadonlyMap<string, Manifest>,
  joined: ReadonlyMap<string, Manifest>,
): readonly SourceRow[] {
  return [...new Set([...cleaned.keys(), ...joined.keys()])]
    .flatMap((sourceId) => {
      const cleaner = cleaned.get(sourceId);
      const joiner = joined.get(sourceId);
      const first = cleaner ?? joiner;
      return first === undefined ? [] : [sourceRow(first, cleaner, joiner)];
    })
    .toSorted((a, b) => (String(a["key"]) < String(b["key"]) ? -1 : 1));
}

function sourceRow(first: Manifest, cleaner: Manifest | undefined, joiner: Manifest | undefined): SourceRow {
  const joined = isJoined(cleaner, joiner);
  return {
    key: first.source.key,
    dataset: first.dataset,
    format: first.format,
    ...stateFacts(first, joiner),
    ...countFacts(first, joined ? joiner : undefined),
    joined,
    ...partFacts(joiner),
    size: first.input?.sizeBytes,
    last_modified: first.input?.lastModified,
    committed_at: first.committedAt,
    generation: first.generation,
    rule_pack: first.rulePack,
    reference_time: first.referenceTime,
    source_id: first.sourceId,
  };
}

function stateFacts(first: Manifest, joiner: Manifest | undefined): SourceRow {
  const rejection = first.rejection ?? joiner?.rejection;
  return {
    state: joiner?.state === "rejected" ? "rejected" : first.state,
    stale: first.stale || joiner?.stale === true,
    reason: rejection?.reason,
    detail: rejection?.detail,
  };
}

/** The join's flags come on top of the cleaner's; those of an older version would not fit the other counts. */
function countFacts(first: Manifest, joiner: Manifest | undefined): SourceRow {
  const { counts } = first;
  return {
    read: counts?.read,
    kept: counts?.kept,
    quarantined: counts?.quarantined,
    reasons: counts?.reasons ?? {},
    flags: { ...counts?.flags, ...joiner?.counts?.flags },
  };
}

function partFacts(joiner: Manifest | undefined): SourceRow {
  const outputs = joiner?.outputs ?? [];
  return {
    partitions: new Set(outputs.map((part) => part.partition)).size,
    parts: outputs.length,
    bytes: outputs.reduce((sum, part) => sum + part.bytes, 0),
  };
}

function isJoined(cleaner: Manifest | undefined, joiner: Manifest | undefined): boolean {
  if (cleaner === undefined || cleaner.state === "retracted") return (joiner?.outputs.length ?? 0) === 0;
  return joiner !== undefined && isCommitOf(joiner.input?.identity, cleaner) && joiner.state !== "rejected";
}
