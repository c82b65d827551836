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
 * Gives `reason` to the records that no rule quarantines and that equal an earlier one of these in all of `key`; NULL equals
 * NULL. Equal hashes are looked for first: a hash is narrow, and hardly any record has another's.
 */
export function markDuplicates(key: readonly string[], reason: string): string {
  return `
    UPDATE judged SET reasons = [${quoteText(reason)}]
    WHERE source_record IN (
      WITH candidates AS (
        SELECT hash(${columnList(key)}) AS h FROM judged WHERE len(reasons) = 0 GROUP BY h HAVING count(*) > 1
      )
      SELECT source_record
      FROM judged
      WHERE len(reasons) = 0 AND hash(${columnList(key)}) IN (FROM candidates)
      QUALIFY row_number() OVER (PARTITION BY ${columnList(key)} ORDER BY source_record) > 1
    )`;
}

export const selectRejectedNumbers = `
  SELECT source_record::DOUBLE AS record FROM judged WHERE len(reasons) > 0 ORDER BY record`;

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
    WHERE len(reasons) = 0
    ORDER BY source_record`;
}

/** Where the quarantine part's text comes from. */
export interface QuarantineText {
  /** SELECTs n and the delivered fields, of the rejected records or of more. */
  readonly records: string;
  /** What stands in the part of such a record: an expression. */
  readonly original: string;
  /** SELECTs n and c0, the raw text of what could not be split. */
  readonly malformed: string | undefined;
}

export function selectQuarantine(lineage: Lineage, { malformed, original, records }: QuarantineText): string {
  const columns = quarantineColumns.map(
    ({ name, type }) => `CAST(${name} AS ${duckDbType(type)}) AS ${quoteName(name)}`,
  );
  const raw = malformed === undefined ? "" : `UNION ALL SELECT n, ['${malformedReason}'], c0 FROM (${malformed})`;
  return `
    SELECT ${columns.join(", ")}
    FROM (
      SELECT ${quoteText(lineage.sourceId)} AS source_id, ${quoteText(lineage.format)} AS format, reasons[1] AS reason, *
      FROM (
        SELECT source_record, reasons, ${original} AS original
        FROM judged JOIN (${records}) AS delivered ON n = source_record
        WHERE len(reasons) > 0
        ${raw}
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
