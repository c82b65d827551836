/** The statements that judge records, and those between the judgement and the parts. */
import { duckDbType } from "@airlake/shared/contracts/column-types";
import { cleanColumns, type DatasetDefinition, quarantineColumns } from "@airlake/shared/contracts/dataset";
import { quoteName, quoteText } from "@airlake/shared/duckdb";

import { numberBits } from "./read-records.ts";

/** The dataset's own SQL: `format` reads the relation delivered, `rules` the relation canonical. */
export interface JudgeSql {
  readonly delivered: string;
  readonly format: string;
  readonly rules: string;
  /** When each source was made, by its place. */
  readonly referenceTimes: readonly Date[];
}

/** There is none where there was nothing to judge, or where what was judged lies in a file. */
export const dropJudged = "DROP TABLE IF EXISTS judged";

/**
 * `judged`: the clean columns, the columns of the duplicates' key, reasons and flags of each record. canonical has one column more
 * than the format's SQL gives: reference_time. It is a table, or, where a path is given, a view of a Parquet file there: a table of many
 * records would be written to the disk too, piece by piece, and not compressed.
 */
export function createJudged(sql: JudgeSql, path?: string): readonly string[] {
  if (path === undefined) return [`CREATE OR REPLACE TEMP TABLE judged AS ${selectJudgement(sql)}`];
  const file = quoteText(path);
  return [
    `COPY (${selectJudgement(sql)}) TO ${file} (FORMAT parquet, COMPRESSION lz4, PRESERVE_ORDER false)`,
    `CREATE OR REPLACE TEMP VIEW judged AS FROM read_parquet(${file})`,
  ];
}

function selectJudgement({ delivered, format, referenceTimes, rules }: JudgeSql): string {
  return `
    WITH
    delivered AS (${delivered}\n),
    formatted AS (${format}\n),
    canonical AS (SELECT *, ${referenceTimeOf(referenceTimes)} AS reference_time FROM formatted),
    judgement AS (${rules}\n)
    SELECT * FROM judgement`;
}

function referenceTimeOf(times: readonly Date[]): string {
  const instants = times.map((time) => `TIMESTAMPTZ ${quoteText(time.toISOString())}`);
  return instants.length === 1 ? instants.join() : `[${instants.join(", ")}][(source_record >> ${numberBits}) + 1]`;
}

/** The place of a record's source. */
function placeOf(sources: number): string {
  return sources === 1 ? "0" : `source_record >> ${numberBits}`;
}

/**
 * One row for each source with records that could be split: `kept`, `rejected` and `flagged` records, and how many of the
 * kept ones have a key that an earlier one has, `repeated`. Keys are compared by hash: it may find a repetition that is none,
 * never miss one.
 */
export function summarise(key: readonly string[], sources: number): string {
  const isKept = "FILTER (WHERE len(reasons) = 0)";
  const repeated = key.length === 0 ? "0" : `count(*) ${isKept} - count(DISTINCT hash(${columnList(key)})) ${isKept}`;
  return `
    SELECT
      (${placeOf(sources)})::DOUBLE AS place,
      (count(*) ${isKept})::DOUBLE AS kept,
      (count(*) FILTER (WHERE len(reasons) > 0))::DOUBLE AS rejected,
      (count(*) FILTER (WHERE len(flags) > 0))::DOUBLE AS flagged,
      (${repeated})::DOUBLE AS repeated
    FROM judged
    GROUP BY place`;
}

/** Gives the duplicates in the table, or in the file at the path, their reason. */
export function markDuplicates(
  { key, reason }: NonNullable<DatasetDefinition["duplicates"]>,
  sources: number,
  path?: string,
): readonly string[] {
  const duplicates = selectDuplicates(key, sources);
  const reasons = `[${quoteText(reason)}]`;
  if (path === undefined) return [`UPDATE judged SET reasons = ${reasons} WHERE source_record IN (${duplicates})`];
  return [
    // A table: the view would look for them whenever it is read.
    `CREATE OR REPLACE TEMP TABLE duplicates AS ${duplicates}`,
    `
    CREATE OR REPLACE TEMP VIEW judged AS
    SELECT * REPLACE (CASE WHEN source_record IN (FROM duplicates) THEN ${reasons} ELSE reasons END AS reasons)
    FROM read_parquet(${quoteText(path)})`,
  ];
}

/**
 * The records that no rule quarantines and that equal an earlier one of these of their source in all of `key`; NULL equals NULL.
 * Equal hashes are looked for first: a hash is narrow, and hardly any record has another's.
 */
function selectDuplicates(key: readonly string[], sources: number): string {
  const hash = `hash(${placeOf(sources)}, ${columnList(key)})`;
  return `
    WITH candidates AS (
      SELECT ${hash} AS h FROM judged WHERE len(reasons) = 0 GROUP BY h HAVING count(*) > 1
    )
    SELECT source_record
    FROM judged
    WHERE len(reasons) = 0 AND ${hash} IN (FROM candidates)
    QUALIFY row_number() OVER (PARTITION BY ${placeOf(sources)}, ${columnList(key)} ORDER BY source_record) > 1`;
}

/** How often each reason comes first, by source. */
export function countReasons(sources: number): string {
  return `
    SELECT (${placeOf(sources)})::DOUBLE AS place, reasons[1] AS name, count(*)::DOUBLE AS count
    FROM judged WHERE len(reasons) > 0
    GROUP BY ALL ORDER BY ALL`;
}

/** How often each flag is on a kept record, by source. */
export function countFlags(sources: number): string {
  return `
    SELECT place::DOUBLE AS place, name, count(*)::DOUBLE AS count
    FROM (SELECT ${placeOf(sources)} AS place, unnest(flags) AS name FROM judged WHERE len(reasons) = 0)
    GROUP BY ALL ORDER BY ALL`;
}

/** One source among those that are judged, and what every row of its parts carries. */
export interface JudgedSource {
  readonly place: number;
  readonly sourceId: string;
  readonly format: string;
}

/** The number that is added to those of a source's records. */
function baseOf(source: JudgedSource): number {
  return source.place * 2 ** numberBits;
}

function ofSource(source: JudgedSource): string {
  return `source_record BETWEEN ${baseOf(source) + 1} AND ${baseOf(source) + 2 ** numberBits - 1}`;
}

export function selectRejectedNumbers(source: JudgedSource): string {
  return `
    SELECT (source_record - ${baseOf(source)})::DOUBLE AS record
    FROM judged WHERE len(reasons) > 0 AND ${ofSource(source)}
    ORDER BY record`;
}

/** The rows of the clean part, in no order: the joiner puts them into the table's own, and to sort twice costs memory and time. */
export function selectClean(dataset: DatasetDefinition, source: JudgedSource): string {
  const values = new Map([
    ["source_id", quoteText(source.sourceId)],
    ["source_record", `source_record - ${baseOf(source)}`],
    ["format", quoteText(source.format)],
  ]);
  const columns = cleanColumns(dataset).map(
    ({ name, type }) => `CAST(${values.get(name) ?? quoteName(name)} AS ${duckDbType(type)}) AS ${quoteName(name)}`,
  );
  return `
    SELECT ${columns.join(", ")}
    FROM judged
    WHERE len(reasons) = 0 AND ${ofSource(source)}`;
}

/** Where the text of a source's quarantine part comes from. */
export interface QuarantineText {
  /** SELECTs n and the delivered fields, of the rejected records or of more. */
  readonly records: string;
  /** What stands in the part of such a record: an expression. */
  readonly original: string;
  /** SELECTs n and c0, the raw text of what could not be split. */
  readonly malformed: string | undefined;
}

export function selectQuarantine(source: JudgedSource, { malformed, original, records }: QuarantineText): string {
  const columns = quarantineColumns.map(
    ({ name, type }) => `CAST(${name} AS ${duckDbType(type)}) AS ${quoteName(name)}`,
  );
  const raw = malformed === undefined ? "" : `UNION ALL SELECT n, ['${malformedReason}'], c0 FROM (${malformed})`;
  return `
    SELECT ${columns.join(", ")}
    FROM (
      SELECT ${quoteText(source.sourceId)} AS source_id, ${quoteText(source.format)} AS format, reasons[1] AS reason, *
      FROM (
        SELECT n AS source_record, reasons, ${original} AS original
        FROM judged JOIN (${records}) AS delivered ON source_record = n + ${baseOf(source)}
        WHERE len(reasons) > 0
        ${raw}
      )
    )
    ORDER BY source_record`;
}

/** The one reason that the splitter itself gives. */
export const malformedReason = "malformed-record";

/** Writes rows to a file. Its one result row says how many that were, as Count. */
export function copyToParquet(select: string, path: string): string {
  return `COPY (${select}) TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd)`;
}

function columnList(names: readonly string[]): string {
  return names.map(quoteName).join(", ");
}
