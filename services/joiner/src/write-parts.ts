/** The gold rows of several sources, cut into one file for each source and partition. */
import { stat } from "node:fs/promises";
import { join } from "node:path";

import { partitionPath } from "@airlake/shared/contracts/keys";
import type { DuckDb } from "@airlake/shared/duckdb";
import { z } from "zod";

import { copyPartition } from "./sql/join.ts";

/** Where the rows of one part lie in the table. */
export const rangeSchema = z.object({
  source_id: z.string(),
  /** The values of the partition columns, in their order; null where the table has none. */
  partition: z.record(z.string(), z.string()).nullable(),
  first_rowid: z.coerce.number(),
  last_rowid: z.coerce.number(),
  rows: z.coerce.number(),
});
export type Range = z.infer<typeof rangeSchema>;

/** A Parquet file in scratch. */
export interface GoldFile {
  readonly sourceId: string;
  readonly file: string;
  readonly partition: string;
  readonly rows: number;
  readonly bytes: number;
}

export interface PartsToWrite {
  readonly gold: { readonly table: string; readonly columns: readonly string[] };
  readonly ranges: readonly Range[];
  /** Where the files are to lie, by source. */
  readonly folders: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
}

/**
 * A part of one row group keeps one thread busy, and that not for long: two statements at a time fill two. Larger parts are written before,
 * one after another: each takes both threads, and memory for what they are about to write.
 */
const rowGroup = 122_880;
const lanes = 2;

/** The files in the order of the ranges. Comes back, or throws, only when no statement runs any more. */
export async function writeParts(
  duckdb: DuckDb,
  { folders, gold, ranges, signal }: PartsToWrite,
): Promise<readonly GoldFile[]> {
  const written = new Map<number, GoldFile>();
  const folderOf = (sourceId: string): string => {
    const folder = folders.get(sourceId);
    if (folder === undefined) throw new Error(`the join gives rows of the source ${sourceId}, which it was not given`);
    return folder;
  };
  const lane = async (waiting: [number, Range][]): Promise<void> => {
    using session = await duckdb.connect(signal);
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [at, { source_id: sourceId, partition, rows, first_rowid: first, last_rowid: last }] = next;
      const file = join(folderOf(sourceId), `gold-${at}.parquet`);
      await session.run(copyPartition(gold, { first, last }, file));
      const { size: bytes } = await stat(file);
      written.set(at, { sourceId, file, partition: partitionPath(partition ?? {}), rows, bytes });
    }
  };
  const { large = [], small = [] } = Object.groupBy(ranges.entries(), ([, { rows }]) =>
    rows > rowGroup ? "large" : "small",
  );
  if (large.length > 0) await lane(large);
  const ends = await Promise.allSettled(Array.from({ length: Math.min(lanes, small.length) }, async () => lane(small)));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return ranges.flatMap((_, at) => written.get(at) ?? []);
}
