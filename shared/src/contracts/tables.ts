/** The tables that a dataset has in the catalog: the same definitions for AWS Glue and for the embedded lake. */
import type { TableType } from "./column-types.ts";
import { countryColumns, goldColumns, quarantineColumns } from "./dataset.ts";
import type { DatasetDefinition } from "./dataset.ts";
import { manifestPrefix, quarantinePrefix, referencePrefix, tablePrefix } from "./keys.ts";
import type { Buckets } from "./topology.ts";

export interface TableColumn {
  readonly name: string;
  readonly type: TableType;
  readonly comment: string;
  /** JSON tables: the member's name where it is not the column's. */
  readonly member?: string;
}

/** Where a table's objects lie. The prefix ends with a slash. */
export interface TableLocation {
  readonly bucket: string;
  readonly prefix: string;
}

export interface TableDefinition {
  /** The dataset's name. */
  readonly database: string;
  readonly name: string;
  readonly comment: string;
  readonly columns: readonly TableColumn[];
  /** Empty where the table is not partitioned. */
  readonly partitions: readonly TableColumn[];
  readonly location: TableLocation;
  readonly storage: "parquet" | "json";
}

/** The buckets that tables lie in. */
type LakeBuckets = Pick<Buckets, "silver" | "gold" | "ops">;

/** The names of a dataset's tables that are the same for all. */
export const tableNames = { quarantine: "quarantine", countries: "countries", sources: "sources" } as const;

/** The dataset's own table first, then `quarantine`, `countries` where the dataset uses it, and `sources`. */
export function tablesOf(dataset: DatasetDefinition, buckets: LakeBuckets): readonly TableDefinition[] {
  return [
    ownTable(dataset, buckets),
    quarantineTable(dataset, buckets),
    ...(usesCountries(dataset) ? [countriesTable(dataset, buckets)] : []),
    sourcesTable(dataset, buckets),
  ];
}

/** Whether the lake's table of countries belongs to this dataset. */
export function usesCountries(dataset: DatasetDefinition): boolean {
  return dataset.enrichments.some((enrichment) => enrichment.use === "iso-country");
}

/** The folder of one partition of a table: `country=BE/year=2018/month=02`. */
export function partitionLocation(table: TableDefinition, partition: string): TableLocation {
  return {
    bucket: table.location.bucket,
    prefix: `${table.location.prefix}${partition === "" ? "" : `${partition}/`}`,
  };
}

function ownTable(dataset: DatasetDefinition, buckets: LakeBuckets): TableDefinition {
  return {
    database: dataset.name,
    name: dataset.table.name,
    comment: dataset.table.comment,
    columns: goldColumns(dataset),
    partitions: dataset.table.partitions,
    location: { bucket: buckets.gold, prefix: tablePrefix(dataset.name, dataset.table.name) },
    storage: "parquet",
  };
}

function quarantineTable(dataset: DatasetDefinition, buckets: LakeBuckets): TableDefinition {
  return {
    database: dataset.name,
    name: tableNames.quarantine,
    comment: "Records that were not kept, each with its reasons and its text as delivered",
    columns: quarantineColumns,
    partitions: [],
    location: { bucket: buckets.silver, prefix: quarantinePrefix(dataset.name) },
    storage: "parquet",
  };
}

function countriesTable(dataset: DatasetDefinition, buckets: LakeBuckets): TableDefinition {
  return {
    database: dataset.name,
    name: tableNames.countries,
    comment: "Countries of the world: ISO 3166-1, and Kosovo",
    columns: countryColumns,
    partitions: [],
    location: { bucket: buckets.gold, prefix: referencePrefix(tableNames.countries) },
    storage: "parquet",
  };
}

function sourcesTable(dataset: DatasetDefinition, buckets: LakeBuckets): TableDefinition {
  return {
    database: dataset.name,
    name: tableNames.sources,
    comment: "What has become of every source: the cleaner's manifests",
    columns: sourceColumns,
    partitions: [],
    location: { bucket: buckets.ops, prefix: manifestPrefix("cleaner", dataset.name) },
    storage: "json",
  };
}

// Of manifestSchema, what an SQL user asks for. Names inside a struct are in lower case, because Hive's are: the
// JSON readers of Athena and Trino do not mind the case. Times are text: they read a timestamp only without its zone.
const sourceColumns: readonly TableColumn[] = [
  {
    name: "source_id",
    member: "sourceId",
    type: "text",
    comment: "32 hex characters, as source_id in every table of records",
  },
  { name: "source", type: { struct: { bucket: "text", key: "text" } }, comment: "The object in the raw bucket" },
  { name: "dataset", type: "text", comment: "The dataset that the source's records belong to" },
  { name: "state", type: "text", comment: "new, current, rejected or retracted" },
  {
    name: "stale",
    type: "boolean",
    comment: "True where the records are of an older version, as the newest one was rejected",
  },
  { name: "format", type: "text", comment: "The format that the source was recognised as" },
  { name: "generation", type: "bigint", comment: "How many times the source's records were written" },
  {
    name: "counts",
    type: {
      struct: {
        read: "bigint",
        kept: "bigint",
        quarantined: "bigint",
        reasons: { map: "bigint" },
        flags: { map: "bigint" },
      },
    },
    comment: "What became of the records; read = kept + quarantined. The flags of the join are in the rows alone",
  },
  {
    name: "rejection",
    type: { struct: { reason: "text", detail: "text", failurekey: "text", parked: "boolean" } },
    comment: "Why the newest version was rejected; null where it was not",
  },
  {
    name: "input",
    type: { struct: { identity: "text", sizebytes: "bigint", lastmodified: "text", versionid: "text" } },
    comment: "The version of the object that the records come from",
  },
  { name: "rule_pack", member: "rulePack", type: "int", comment: "The rule pack that the records were cleaned by" },
  { name: "reference_time", member: "referenceTime", type: "text", comment: "When the source was made, ISO 8601" },
  {
    name: "outputs",
    type: {
      list: {
        struct: { bucket: "text", key: "text", rows: "bigint", bytes: "bigint", role: "text", partition: "text" },
      },
    },
    comment: "The Parquet objects that count",
  },
  {
    name: "versions",
    type: {
      list: {
        struct: { identity: "text", generation: "bigint", state: "text", read: "bigint", kept: "bigint", at: "text" },
      },
    },
    comment: "The last 20 versions, newest first",
  },
  {
    name: "committed_at",
    member: "committedAt",
    type: "text",
    comment: "When the records were last written, ISO 8601",
  },
  { name: "correlation_id", member: "correlationId", type: "text", comment: "As in every log line about that work" },
];
