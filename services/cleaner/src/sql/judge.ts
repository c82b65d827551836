/** The statements that judge a source's records, and those between the judgement and the two parts. */
import { duckDbType } from "@airlake/shared/contracts/column-types";
import { cleanColumns, type DatasetDefinition, quarantineColumns } from "@airlake/shared/contracts/dataset";
import { quoteName, quoteText } from "@airlake/shared/duckdb";

/** The dataset's own SQL: `format` reads the relation delivered, `rules` the relation canonical. */
export interface JudgeSql {
  readonly delivered: string;
  readonly format: string;
  readonly rules: string;
}

/** The table `judged`: the clean columns, the columns of the duplicates' key, reasons and flags of each record. */
export function createJudged({ delivered, format, rules }: JudgeSql): string {
  return `
    CREATE TEMP TABLE judged AS
    WITH delivered AS (${delivered}\n), canonical AS (${format}\n), judgement AS (${rules}\n)
    SELECT * FROM judgement`;
}

/**
 * One row: `rejected` and `flagged` records, and how many of the others have a key that an earlier one has, `repeated`.
 * Keys are compared by hash: it may find a repetition that is none, never miss one.
 */
export function summarise(key: readonly string[]): string {
  const repeated =
    key.length === 0
      ? "0"
      : `count(*) FILTER (WHERE len(reasons) = 0) - count(DISTINCT hash(${columnList(key)})) FILTER (WHERE len(reasons) = 0)`;
  return `
    SELECT
      (count(*) FILTER (WHERE len(reasons) > 0))::DOUBLE AS rejected,
      (count(*) FILTER (WHERE len(flags) > 0))::DOUBLE AS flagged,
      (${repeated})::DOUBLE AS repeated
    FROM judged`;
}

/**
 * The table `duplicates`: records that no rule quarantines and that equal an earlier one of these in all of `key`; NULL
 * equals NULL. Equal hashes are looked for first: a hash is narrow, and hardly any record has another's.
 */
export function createDuplicates(key: readonly string[]): string {
  return `
    CREATE TEMP TABLE duplicates AS
    WITH candidates AS (
      SELECT hash(${columnList(key)}) AS h FROM judged WHERE len(reasons) = 0 GROUP BY h HAVING count(*) > 1
    )
    SELECT source_record
    FROM judged
    WHERE len(reasons) = 0 AND hash(${columnList(key)}) IN (FROM candidates)
    QUALIFY row_number() OVER (PARTITION BY ${columnList(key)} ORDER BY source_record) > 1`;
}

export const noDuplicates = "CREATE TEMP TABLE duplicates (source_record BIGINT)";

/** source_record and reasons of every quarantined record but the malformed ones. */
export function selectRejected(duplicateReason: string): string {
  return `
    SELECT source_record, reasons FROM judged WHERE len(reasons) > 0
    UNION ALL
    SELECT source_record, [${quoteText(duplicateReason)}] FROM duplicates`;
}

/** What every row of a part carries. */
export interface Lineage {
  readonly sourceId: string;
  readonly format: string;
}

/** The rows of the clean part. Sorted: what a dataset's SQL does may lose the order, and two runs should write the same. */
export function selectClean(dataset: DatasetDefinition, lineage: Lineage): string {
  const values = new Map([
    ["source_id", quoteText(lineage.sourceId)],
    ["format", quoteText(lineage.format)],
  ]);
  const columns = cleanColumns(dataset).map(
    ({ name, type }) => `CAST(${values.get(name) ?? quoteName(name)} AS ${duckDbType(type)}) AS ${quoteName(name)}`,
  );
  return `
    SELECT ${columns.join(", ")}
    FROM judged
    WHERE len(reasons) = 0 AND source_record NOT IN (FROM duplicates)
    ORDER BY source_record`;
}

/** What is put together in the quarantine part, as SELECTs. */
export interface QuarantineRows {
  /** source_record and reasons. */
  readonly rejected: string;
  /** source_record and original, of these records or of more. */
  readonly originals: string;
  /** n and c0, the raw text. */
  readonly malformed: string;
}

export function selectQuarantine(lineage: Lineage, rows: QuarantineRows): string {
  const columns = quarantineColumns.map(
    ({ name, type }) => `CAST(${name} AS ${duckDbType(type)}) AS ${quoteName(name)}`,
  );
  return `
    SELECT ${columns.join(", ")}
    FROM (
      SELECT ${quoteText(lineage.sourceId)} AS source_id, ${quoteText(lineage.format)} AS format, reasons[1] AS reason, *
      FROM (
        SELECT source_record, reasons, original FROM (${rows.rejected}) JOIN (${rows.originals}) USING (source_record)
        UNION ALL
        SELECT n, ['${malformedReason}'], c0 FROM (${rows.malformed})
      )
    )
    ORDER BY source_record`;
}

/** The one reason that the splitter itself gives. */
const malformedReason = "malformed-record";

/** Writes rows to a file. Its one result row says how many rows and bytes that were. */
export function copyToParquet(select: string, path: string): string {
  return `COPY (${select}) TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd, RETURN_STATS)`;
}

export function countReasons(path: string): string {
  return `
    SELECT reason AS name, count(*)::DOUBLE AS count
    FROM read_parquet(${quoteText(path)})
    GROUP BY ALL ORDER BY ALL`;
}

export function countFlags(path: string): string {
  return `
    SELECT name, count(*)::DOUBLE AS count
    FROM (SELECT unnest(flags) AS name FROM read_parquet(${quoteText(path)}))
    GROUP BY ALL ORDER BY ALL`;
}

function columnList(names: readonly string[]): string {
  return names.map(quoteName).join(", ");
}
