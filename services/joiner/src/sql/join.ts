/** The joiner's statements, as functions of checked names. What a row means is in the dataset's folder. */
import type { Column } from "@airlake/shared/contracts/dataset";
import { quoteName, quoteText } from "@airlake/shared/duckdb";

/** The clean part as relation `clean`. */
export function cleanView(file: string, columns: readonly Column[]): string {
  const names = columns.map(({ name }) => quoteName(name)).join(", ");
  return `create or replace temp view clean as select ${names} from read_parquet(${quoteText(file)})`;
}

/** All gold rows in partition order, and within it in the table's own: a partition is one range of rowids. */
export function goldTable(made: {
  readonly joinSql: string;
  readonly columns: readonly Column[];
  readonly partitions: readonly string[];
  readonly sort: readonly string[];
}): string {
  const names = [...made.columns.map(({ name }) => name), ...made.partitions].map(quoteName).join(", ");
  const order = [...made.partitions, ...made.sort].map(quoteName).join(", ");
  return `create or replace temp table gold as select ${names} from (${made.joinSql}) order by ${order}`;
}

/** One row for each partition: its values, first and last rowid, rows. */
export function partitionRanges(partitions: readonly string[]): string {
  const names = partitions.map(quoteName).join(", ");
  const measures = "min(rowid) as first_rowid, max(rowid) as last_rowid, count(*) as rows";
  if (partitions.length === 0) return `select ${measures} from gold having count(*) > 0`;
  return `select ${names}, ${measures} from gold group by ${names} order by ${names}`;
}

/** Writes one partition. With PARTITION_BY rows would not be in order inside the file, whatever ORDER BY says. */
export function copyPartition(
  columns: readonly string[],
  range: { readonly first: number; readonly last: number },
  file: string,
): string {
  const names = columns.map(quoteName).join(", ");
  const rows = `select ${names} from gold where rowid between ${range.first} and ${range.last} order by rowid`;
  return `copy (${rows}) to ${quoteText(file)} (format parquet, compression zstd)`;
}

/** Rows by flag. */
export function flagCounts(): string {
  return `select flag, count(*) as rows from (select unnest(flags) as flag from gold) group by flag order by flag`;
}
