/** The port to a catalog, and what both of its adapters share. */
import { createHash } from "node:crypto";

import { partitionValues } from "@airlake/shared/contracts/keys";
import { type TableDefinition, type TableLocation, partitionLocation } from "@airlake/shared/contracts/tables";

/** A catalog of tables. Both calls can be repeated, and made by several workers at once; nothing is ever dropped. */
export interface Catalog {
  /** Creates databases and tables, and updates those that differ from their definition. */
  ensureTables(
    tables: readonly TableDefinition[],
    signal?: AbortSignal,
  ): Promise<{ readonly created: number; readonly updated: number }>;
  /**
   * Registers partitions (`country=BE/year=2018/month=02`), and updates those that differ in location or columns.
   * `known` counts those that were registered before. Throws TransientError where the table is not there (any more).
   */
  ensurePartitions(
    table: TableDefinition,
    partitions: readonly string[],
    signal?: AbortSignal,
  ): Promise<{ readonly added: number; readonly known: number }>;
}

export interface Partition {
  readonly path: string;
  readonly values: readonly string[];
  readonly location: TableLocation;
}

/** The partitions, each once, as the table has them. Throws where a path's names are not the table's partition columns. */
export function partitionsOf(table: TableDefinition, paths: readonly string[]): readonly Partition[] {
  const names = table.partitions.map((column) => column.name).join("/");
  return [...new Set(paths)].map((path) => {
    const found = path.split("/").map((level) => level.slice(0, Math.max(level.indexOf("="), 0)));
    if (found.join("/") !== names) {
      throw new Error(
        `partition ${JSON.stringify(path)} does not fit table ${table.database}.${table.name}, which has ${names}`,
      );
    }
    return { path, values: partitionValues(path), location: partitionLocation(table, path) };
  });
}

/** What this process knows to be in the catalog, so that it need not ask again. */
export interface Known {
  has(table: TableDefinition, partition?: string): boolean;
  add(table: TableDefinition, partition?: string): void;
  clear(): void;
}

/** What a memory is bounded by. */
export interface KnownLimits {
  /** Tables and partitions. */
  readonly most: number;
  /** After so long it is asked again: an operator may have taken a partition out of the catalog meanwhile. */
  readonly lifeMs: number;
}

/** Remembers tables and partitions, the oldest up to `most`; a table whose definition changes is another one. */
export function createKnown({ most, lifeMs }: KnownLimits, nowMs: () => number): Known {
  const sinceMs = new Map<string, number>();
  const stamps = new WeakMap<TableDefinition, string>();
  const keyOf = (table: TableDefinition, partition: string): string => {
    const stamp = stamps.get(table) ?? stampOf(table);
    stamps.set(table, stamp);
    return `${stamp}/${partition}`;
  };
  return {
    has: (table, partition = "") => {
      const since = sinceMs.get(keyOf(table, partition));
      return since !== undefined && nowMs() - since <= lifeMs;
    },
    add: (table, partition = "") => {
      const key = keyOf(table, partition);
      // What is known anew is the youngest.
      sinceMs.delete(key);
      const [oldest] = sinceMs.keys();
      if (sinceMs.size >= most && oldest !== undefined) sinceMs.delete(oldest);
      sinceMs.set(key, nowMs());
    },
    clear: () => sinceMs.clear(),
  };
}

function stampOf(table: TableDefinition): string {
  return createHash("sha256").update(JSON.stringify(table)).digest("base64url").slice(0, 16);
}

/** A table's partition columns are in the keys of its parts: they cannot become others. */
export function checkSamePartitionColumns(table: TableDefinition, found: readonly string[]): void {
  const wanted = table.partitions.map((column) => column.name);
  if (wanted.join("/") === found.join("/")) return;
  throw new Error(
    `table ${table.database}.${table.name} is partitioned by (${found.join(", ")}) in the catalog and by (${wanted.join(", ")}) ` +
      "in its definition: partition columns cannot change, so give the table another name",
  );
}
