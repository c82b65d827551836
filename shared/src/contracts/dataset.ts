/** What a dataset's folder says of itself: `datasets/<name>/dataset.json`. The services know datasets only through this. */
import { z } from "zod";

const name = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, "lower-case letters, digits and _, starting with a letter");
const fileName = z.string().regex(/^[a-z0-9][a-z0-9_./-]*\.sql$/, "a .sql file inside the dataset's folder");

/** The column types of the lake. Each engine's own name for one is in `column-types.ts`. */
export const columnTypes = [
  "text",
  "int",
  "bigint",
  "double",
  "boolean",
  "date",
  "timestamp",
  "timestamptz",
  "list<text>",
] as const;

const column = z.strictObject({ name, type: z.enum(columnTypes), comment: z.string().min(1) });
export type Column = z.infer<typeof column>;

/** How a format's text is split into records, and what makes a file of it. Formats are tried in their order. */
const format = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("csv"),
    name: z.string().regex(/^[a-z0-9-]+$/),
    /** What may stand between fields; tried in order. */
    delimiters: z.array(z.enum([",", ";", "\t", "|"])).min(1),
    /** The header has all of these columns, spelled so. */
    columns: z.array(z.string().min(1)).min(1),
    /** Columns that a header may lack; the SQL sees NULL then. */
    optional: z.array(z.string().min(1)).default([]),
    /** The columns of a file without a header line: known by their number and one that is an ISO 8601 instant (0-based). */
    headerless: z.strictObject({ columns: z.array(z.string().min(1)).min(2), instantAt: z.int().min(0) }).optional(),
    sql: fileName,
  }),
  z.strictObject({
    kind: z.literal("ndjson"),
    name: z.string().regex(/^[a-z0-9-]+$/),
    /** Dotted paths; an object with all of them, on a line of its own, makes the format. */
    paths: z.array(z.string().min(1)).min(1),
    sql: fileName,
  }),
  z.strictObject({
    kind: z.literal("json"),
    name: z.string().regex(/^[a-z0-9-]+$/),
    /** Dotted paths that the document has. */
    paths: z.array(z.string().min(1)).min(1),
    /** Dotted path of the array of records; "" where the document itself is the array. */
    records: z.string(),
    sql: fileName,
  }),
]);
export type Format = z.infer<typeof format>;

/** How the last part of a key tells when a source was made. Tried in order; the object's Last-Modified stands in where none matches. */
const referenceTime = z.discriminatedUnion("is", [
  /** Group 1 is Unix seconds. */
  z.strictObject({ is: z.literal("unix-seconds"), pattern: z.string() }),
  /** Groups 1 to 3 are year, month and day (UTC); `plusHours` is added to that day's beginning. */
  z.strictObject({ is: z.literal("date"), pattern: z.string(), plusHours: z.int() }),
]);

/** Reference tables that the joiner offers to a dataset's `join.sql`. */
const enrichment = z.discriminatedUnion("use", [
  /** Table `countries`. */
  z.strictObject({ use: z.literal("iso-country") }),
  /** Table `places`: the country of each distinct coordinate of the clean part. */
  z.strictObject({ use: z.literal("borders"), latitude: name, longitude: name }),
]);

export const datasetSchema = z.strictObject({
  contract: z.literal("dataset/1"),
  name,
  title: z.string().min(1),
  formats: z.array(format).min(1),
  referenceTime: z.array(referenceTime).default([]),
  /** CREATE TEMP MACRO statements that the rules use, run before them. */
  macros: fileName.optional(),
  /** Rule packs by number; each yields the clean columns, the columns of `duplicates.key`, `reasons` and `flags`. */
  rulePacks: z.record(z.string().regex(/^[1-9]\d*$/), fileName),
  /** Every reason a record can be quarantined for, in order of precedence. */
  reasons: z.array(z.string().regex(/^[a-z0-9-]+$/)).min(1),
  /** Every flag that a kept record can carry; `join` says which of them the join adds. */
  flags: z.array(
    z.strictObject({
      name: z.string().regex(/^[a-z0-9-]+$/),
      at: z.enum(["clean", "join"]),
      comment: z.string().min(1),
    }),
  ),
  /** A record equal to an earlier kept one of its source in all of these columns is quarantined for `reason`. */
  duplicates: z.strictObject({ reason: z.string(), key: z.array(name).min(1) }).optional(),
  /** The clean columns, after the lineage columns. */
  columns: z.array(column).min(1),
  table: z.strictObject({
    name,
    comment: z.string().min(1),
    sql: fileName,
    /** Columns that the join adds to the clean ones. */
    columns: z.array(column),
    /** Partition columns in order; `join.sql` yields them as text. */
    partitions: z.array(z.strictObject({ name, type: z.enum(["text", "int"]), comment: z.string().min(1) })),
    /** The order of rows inside a part: a total one, with source_record last. */
    sort: z.array(name).min(1),
  }),
  enrichments: z.array(enrichment).default([]),
});

/** A dataset's definition, read and checked. */
export type DatasetDefinition = z.infer<typeof datasetSchema>;

/** The columns that every table of records begins with, whatever the dataset: where a row comes from. */
const lineageColumns: readonly Column[] = [
  {
    name: "source_id",
    type: "text",
    comment: "The source that the record came from: 32 hex characters, as in table sources",
  },
  {
    name: "source_record",
    type: "bigint",
    comment: "The record's number in its source, from 1; blank lines are no records",
  },
  { name: "format", type: "text", comment: "The format that the source was recognised as" },
];

/** The column that every table of records ends with. */
const flagsColumn: Column = {
  name: "flags",
  type: "list<text>",
  comment: "What is noteworthy of a record that was kept",
};

/** The columns of a clean part, in order. */
export function cleanColumns(dataset: DatasetDefinition): readonly Column[] {
  return [...lineageColumns, ...dataset.columns, flagsColumn];
}

/** The columns of a gold part, in order, without the partition columns. */
export function goldColumns(dataset: DatasetDefinition): readonly Column[] {
  return [...lineageColumns, ...dataset.columns, flagsColumn, ...dataset.table.columns];
}

/** The columns of a quarantine part, in order, the same for every dataset. */
export const quarantineColumns: readonly Column[] = [
  ...lineageColumns,
  { name: "reason", type: "text", comment: "The first reason in the rule pack's order" },
  { name: "reasons", type: "list<text>", comment: "Every reason that matches" },
  {
    name: "original",
    type: "text",
    comment: "The record as delivered: a JSON object of its text fields, or its raw text",
  },
];

/** The columns of the reference table of countries. */
export const countryColumns: readonly Column[] = [
  { name: "alpha2", type: "text", comment: "ISO 3166-1 alpha-2, and XK for Kosovo" },
  { name: "alpha3", type: "text", comment: "ISO 3166-1 alpha-3, and XKX" },
  { name: "numeric", type: "text", comment: "ISO 3166-1 numeric, three digits; null where there is none" },
  { name: "name", type: "text", comment: "English short name" },
  { name: "region", type: "text", comment: "Region of the world" },
];
