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
  /** A name that no other has: the table is seen by all sessions. */
  readonly table: string;
  readonly joinSql: string;
  readonly columns: readonly Column[];
  readonly partitions: readonly string[];
  readonly sort: readonly string[];
  readonly sources: number;
}): string {
  const names = [...made.columns.map(({ name }) => name), ...made.partitions].map(quoteName).join(", ");
  // A key of 32 letters makes sorting a tenth dearer, and one source has but one.
  const source = made.sources === 1 ? [] : ["source_id"];
  const order = [...source, ...made.partitions, ...made.sort].map(quoteName).join(", ");
  return `create table ${quoteName(made.table)} as select ${names} from (${made.joinSql}) order by ${order}`;
}

/** One row for each part to be: its source, the values of its partition, first and last rowid, rows. */
export function partitionRanges(table: string, partitions: readonly string[]): string {
  const values = partitions.map((name) => `${quoteText(name)}: ${quoteName(name)}`).join(", ");
  const keys = ["source_id", ...partitions].map(quoteName).join(", ");
  return `
    select source_id, ${partitions.length === 0 ? "null" : `{${values}}`} as partition,
      min(rowid) as first_rowid, max(rowid) as last_rowid, count(*) as rows
    from ${quoteName(table)} group by ${keys} order by ${keys}`;
}

/**
 * Writes one part, in the table's order: DuckDB keeps it (`preserve_insertion_order`), and to sort again would cost a third more.
 * With PARTITION_BY rows would not be in order inside the file, whatever ORDER BY says.
 */
export function copyPartition(
  gold: { readonly table: string; readonly columns: readonly string[] },
  range: { readonly first: number; readonly last: number },
  file: string,
): string {
  const names = gold.columns.map(quoteName).join(", ");
  const rows = `select ${names} from ${quoteName(gold.table)} where rowid between ${range.first} and ${range.last}`;
  return `copy (${rows}) to ${quoteText(file)} (format parquet, compression zstd)`;
}

/** Rows by source and flag. */
export function flagCounts(table: string): string {
  return `
    select source_id, flag, count(*) as rows from (select source_id, unnest(flags) as flag from ${quoteName(table)})
    group by source_id, flag order by source_id, flag`;
}

export function dropGold(table: string): string {
  return `drop table if exists ${quoteName(table)}`;
}
