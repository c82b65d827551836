/** The statements between `judged` and the two parts. */
import { cleanColumns, type DatasetDefinition, quarantineColumns } from "@airlake/shared/contracts/dataset";
import { duckDbType } from "@airlake/shared/contracts/column-types";
import { quoteName, quoteText } from "@airlake/shared/duckdb";

/**
 * The records that no rule quarantines and that equal an earlier one of these in all of `key`; NULL equals NULL.
 * Equal hashes are looked for first: a hash is narrow, and hardly any record has another's.
 */
export function createDuplicates(key: readonly string[]): string {
  const columns = key.map(quoteName).join(", ");
  return `
    CREATE TEMP TABLE duplicates AS
    WITH candidates AS (
      SELECT hash(${columns}) AS h FROM judged WHERE len(reasons) = 0 GROUP BY h HAVING count(*) > 1
    )
    SELECT source_record
    FROM judged
    WHERE len(reasons) = 0 AND hash(${columns}) IN (FROM candidates)
    QUALIFY row_number() OVER (PARTITION BY ${columns} ORDER BY source_record) > 1`;
}

/** What every quarantined record is quarantined for, without the malformed ones. */
export function createRejected(duplicateReason: string): string {
  return `
    CREATE TEMP TABLE rejected AS
    SELECT source_record, reasons FROM judged WHERE len(reasons) > 0
    UNION ALL
    SELECT source_record, [${quoteText(duplicateReason)}] FROM duplicates`;
}

/** What every row of a part carries, by its SQL. */
export interface Lineage {
  readonly sourceId: string;
  readonly format: string;
}

export function selectClean(dataset: DatasetDefinition, lineage: Lineage): string {
  const values = new Map([
    ["source_id", quoteText(lineage.sourceId)],
    ["format", quoteText(lineage.format)],
  ]);
  const columns = cleanColumns(dataset).map(({ name, type }) => {
    return `CAST(${values.get(name) ?? quoteName(name)} AS ${duckDbType(type)}) AS ${quoteName(name)}`;
  });
  return `
    SELECT ${columns.join(", ")}
    FROM judged
    WHERE len(reasons) = 0 AND source_record NOT IN (FROM duplicates)`;
}

/** `originals` yields source_record and original; `malformed` n and c0, the raw text. */
export function selectQuarantine(lineage: Lineage, originals: string, malformed: string): string {
  const columns = quarantineColumns.map(
    ({ name, type }) => `CAST(${name} AS ${duckDbType(type)}) AS ${quoteName(name)}`,
  );
  return `
    SELECT ${columns.join(", ")}
    FROM (
      SELECT ${quoteText(lineage.sourceId)} AS source_id, ${quoteText(lineage.format)} AS format, reasons[1] AS reason, *
      FROM (
        SELECT source_record, reasons, original FROM rejected JOIN (${originals}) USING (source_record)
        UNION ALL
        SELECT n, ['malformed-record'], c0 FROM (${malformed})
      )
    )
    ORDER BY source_record`;
}

/** Writes rows to a file. Its one result row says how many rows and bytes that were. */
export function copyToParquet(select: string, path: string): string {
  return `COPY (${select}) TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd, RETURN_STATS)`;
}

export function countReasons(path: string): string {
  return `SELECT reason AS name, count(*)::DOUBLE AS count FROM read_parquet(${quoteText(path)}) GROUP BY ALL ORDER BY ALL`;
}

export function countFlags(path: string): string {
  return `SELECT name, count(*)::DOUBLE AS count FROM (SELECT unnest(flags) AS name FROM read_parquet(${quoteText(path)})) GROUP BY ALL ORDER BY ALL`;
}
