/** The joiner's statements, as functions of checked names. What a row means is in the dataset's folder. */
import type { Column } from "@airlake/shared/contracts/dataset";
import { quoteName, quoteText } from "@airlake/shared/duckdb";

/** The clean parts as relation `clean`. */
export function cleanView(files: readonly string[], columns: readonly Column[]): string {
  const names = columns.map(({ name }) => quoteName(name)).join(", ");
  return `create or replace temp view clean as select ${names} from read_parquet([${files.map(quoteText).join(", ")}])`;
}

/** All gold rows by source and partition, and within it in the table's own order: a part is one range of rowids. */
export function goldTable(made: {
  readonly joinSql: string;
  readonly columns: readonly Column[];
  readonly partitions: readonly string[];
  readonly sort: readonly string[];
}): string {
  const names = [...made.columns.map(({ name }) => name), ...made.partitions].map(quoteName).join(", ");
  const order = ["source_id", ...made.partitions, ...made.sort].map(quoteName).join(", ");
  return `create or replace temp table gold as select ${names} from (${made.joinSql}) order by ${order}`;
}

/** One row for each part to be: its source, the values of its partition, first and last rowid, rows. */
export function partitionRanges(partitions: readonly string[]): string {
  const values = partitions.map((name) => `${quoteText(name)}: ${quoteName(name)}`).join(", ");
  const keys = ["source_id", ...partitions].map(quoteName).join(", ");
  return `
    select source_id, ${partitions.length === 0 ? "null" : `{${values}}`} as partition,
      min(rowid) as first_rowid, max(rowid) as last_rowid, count(*) as rows
    from gold group by ${keys} order by ${keys}`;
}

/** Writes one part. With PARTITION_BY rows would not be in order inside the file, whatever ORDER BY says. */
export function copyPartition(
  columns: readonly string[],
  range: { readonly first: number; readonly last: number },
  file: string,
): string {
  const names = columns.map(quoteName).join(", ");
  const rows = `select ${names} from gold where rowid between ${range.first} and ${range.last} order by rowid`;
  return `copy (${rows}) to ${quoteText(file)} (format parquet, compression zstd)`;
}

/** Rows by source and flag. */
export function flagCounts(): string {
  return `
    select source_id, flag, count(*) as rows from (select source_id, unnest(flags) as flag from gold)
    group by source_id, flag order by source_id, flag`;
}
