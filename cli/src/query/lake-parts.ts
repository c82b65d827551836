/** Which Parquet files count: what manifests name, in partitions that the catalog knows. */
import { join } from "node:path";

import type { Clock } from "@airlake/shared/clock";
import type { Column, DatasetDefinition } from "@airlake/shared/contracts/dataset";
import type { Manifest, Part } from "@airlake/shared/contracts/manifest";
import { duckDbType } from "@airlake/shared/contracts/column-types";
import { catalogFileOf, hasCatalogFile, registeredPartitions } from "@airlake/shared/embedded/catalog-file";
import { quoteText } from "@airlake/shared/duckdb";
import type { DuckDBConnection } from "@duckdb/node-api";
import { z } from "zod";

import { CommandError } from "../command-error.ts";
import { bucketFolders } from "./query-database.ts";
import { missingPart } from "./query-error.ts";
import { readManifests } from "./read-manifests.ts";

/** A file, and what its columns depend on: files of one kind have the same columns. Undefined: nobody knows. */
interface CountedPart {
  readonly path: string;
  readonly kind: string | undefined;
}

/** What the lake says of one dataset at one moment. */
export interface DatasetState {
  readonly cleaned: ReadonlyMap<string, Manifest>;
  readonly joined: ReadonlyMap<string, Manifest>;
  readonly goldParts: readonly CountedPart[];
  readonly quarantineParts: readonly CountedPart[];
}

/** Reads manifests and catalog. The lake's folder is without links. */
export async function readDatasetState(
  lake: { readonly folder: string; readonly clock: Clock },
  dataset: DatasetDefinition,
  signal?: AbortSignal,
): Promise<DatasetState> {
  const folders = bucketFolders(lake.folder);
  // The joiner's first: a part that the cleaner's manifests name later is not in the way, one that is gone would be.
  const joined = await readManifests(folders.ops, { stage: "joiner", dataset: dataset.name }, signal);
  const cleaned = await readManifests(folders.ops, { stage: "cleaner", dataset: dataset.name }, signal);
  const catalog = { file: catalogFileOf(lake.folder), clock: lake.clock };
  const table = { database: dataset.name, name: dataset.table.name };
  await checkCatalog(catalog, joined);
  const registered = await registeredPartitions(catalog, table, signal);
  const isRegistered = (part: Part): boolean => dataset.table.partitions.length === 0 || registered.has(part.partition);
  return {
    cleaned,
    joined,
    goldParts: partsOf(joined, (part) => part.role === "gold" && isRegistered(part), folders.gold),
    quarantineParts: partsOf(cleaned, (part) => part.role === "quarantine", folders.silver),
  };
}

/** So long after its first records a lake whose catalog is not there yet is a new one, and not a damaged one. */
const freshMs = 120_000;

/** Without its file the catalog knows no partition, and every record would be hidden in silence. */
async function checkCatalog(
  catalog: { readonly file: string; readonly clock: Clock },
  joined: ReadonlyMap<string, Manifest>,
): Promise<void> {
  const withParts = [...joined.values()].filter(
    (manifest) => manifest.outputs.length > 0 && manifest.pending.length === 0,
  );
  if (withParts.length === 0 || (await hasCatalogFile(catalog.file))) return;
  const committedMs = withParts.map(({ committedAt }) => Date.parse(committedAt ?? ""));
  if (catalog.clock.now().getTime() - Math.min(...committedMs) < freshMs)
    throw new CommandError(
      "The lake is new: its first records are joined, but not registered yet.",
      "Ask again in a moment. If no command is at work on the lake, let one go on: airlake up",
    );
  throw new CommandError(
    `The lake's catalog is missing: ${catalog.file} is not there.`,
    "Make it again with: airlake reprocess",
  );
}

function partsOf(
  manifests: ReadonlyMap<string, Manifest>,
  isWanted: (part: Part) => boolean,
  bucketFolder: string,
): readonly CountedPart[] {
  const parts = [...manifests.values()].flatMap((manifest) => {
    // The parts of a stale source are older than the manifest's fingerprint.
    const kind = manifest.state === "current" ? manifest.fingerprint : undefined;
    return manifest.outputs.filter(isWanted).map((part) => ({ path: join(bucketFolder, part.key), kind }));
  });
  // A part counts once, however often it is named.
  return [...new Map(parts.map((part) => [part.path, part])).values()];
}

export interface SortedParts {
  readonly asDeclared: readonly string[];
  readonly others: readonly string[];
}

const described = z.array(z.object({ column_name: z.string(), column_type: z.string() }));

/** Tells parts with exactly the declared columns from others, by opening one part of each kind. */
export async function sortParts(
  connection: DuckDBConnection,
  parts: readonly CountedPart[],
  columns: readonly Column[],
): Promise<SortedParts> {
  const asDeclared = new Set<string>();
  for (const [kind, path] of new Map(parts.map((part) => [part.kind, part.path]))) {
    if (kind !== undefined && (await hasColumns(connection, path, columns))) asDeclared.add(kind);
  }
  const isAsDeclared = (part: CountedPart): boolean => part.kind !== undefined && asDeclared.has(part.kind);
  return {
    asDeclared: parts.filter(isAsDeclared).map(({ path }) => path),
    others: parts.filter((part) => !isAsDeclared(part)).map(({ path }) => path),
  };
}

async function hasColumns(connection: DuckDBConnection, path: string, columns: readonly Column[]): Promise<boolean> {
  const file = quoteText(path);
  try {
    const reader = await connection.runAndReadAll(
      `DESCRIBE SELECT * FROM read_parquet(${file}, hive_partitioning = false)`,
    );
    const found = new Map(described.parse(reader.getRowObjectsJS()).map((row) => [row.column_name, row.column_type]));
    return columns.every((column) => found.get(column.name) === duckDbType(column.type));
  } catch (error) {
    // The query itself will meet it again, and knows what to do.
    if (missingPart(error) !== undefined) return false;
    throw error;
  }
}
