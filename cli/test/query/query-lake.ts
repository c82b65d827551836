/** A lake as the services leave it, made by hand: parts with DuckDB's COPY, manifests, and the catalog's file. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { systemClock } from "@airlake/shared/clock";
import {
  type Column,
  type DatasetDefinition,
  cleanColumns,
  datasetSchema,
  quarantineColumns,
} from "@airlake/shared/contracts/dataset";
import { duckDbType } from "@airlake/shared/contracts/column-types";
import { goldPartKey, manifestKey, partitionPath, quarantinePartKey, sourceIdOf } from "@airlake/shared/contracts/keys";
import type { Manifest } from "@airlake/shared/contracts/manifest";
import { catalogFileOf, changeCatalogFile } from "@airlake/shared/embedded/catalog-file";
import { quoteText } from "@airlake/shared/duckdb";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";

/** `more` are columns of type int that were declared later. */
export function weather(name = "weather", more: readonly string[] = []): DatasetDefinition {
  return datasetSchema.parse({
    contract: "dataset/1",
    name,
    title: "Weather of a few places",
    formats: [{ kind: "ndjson", name: "weather-ndjson", paths: ["place", "at"], sql: "formats/weather.sql" }],
    rulePacks: { "1": "rules.sql" },
    reasons: ["malformed-record"],
    flags: [],
    columns: [
      { name: "place", type: "text", comment: "Where" },
      { name: "at", type: "timestamptz", comment: "When" },
      { name: "celsius", type: "double", comment: "How warm" },
      ...more.map((column) => ({ name: column, type: "int", comment: `Added later: ${column}` })),
    ],
    table: {
      name: "readings",
      comment: "One reading a row",
      sql: "join.sql",
      columns: [],
      partitions: [
        { name: "country", type: "text", comment: "ISO code of the place's country" },
        { name: "year", type: "int", comment: "Year of the reading" },
      ],
      sort: ["place", "source_record"],
    },
    enrichments: [{ use: "iso-country" }],
  });
}

export interface Reading {
  readonly place: string;
  readonly country: string;
  readonly year: number;
  readonly celsius?: number;
}

export interface SourceFacts {
  readonly key: string;
  readonly readings?: readonly Reading[];
  /** Texts of records that were quarantined as malformed. */
  readonly quarantined?: readonly string[];
  readonly fingerprint?: string;
  /** Overrides of the cleaner's manifest and the joiner's. */
  readonly cleaner?: Partial<Manifest>;
  readonly joiner?: Partial<Manifest>;
  /** Whether the catalog knows the partitions; true unless given. */
  readonly registered?: boolean;
}

export interface QueryLake extends AsyncDisposable {
  readonly folder: string;
  /** Writes parts and manifests of a source; returns the paths of its gold parts. */
  source(facts: SourceFacts, dataset?: DatasetDefinition): Promise<readonly string[]>;
  write(path: string, text: string): Promise<void>;
  /** Runs one statement of DuckDB outside of the sandbox. */
  sql(statement: string): Promise<void>;
}

/** `name` is the lake's folder, below a temporary one. */
export async function createQueryLake(name = "lake"): Promise<QueryLake> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "airlake-query-test-")));
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  };
  return {
    folder,
    write,
    sql: async (statement) => {
      await connection.run(statement);
    },
    source: async (facts, dataset = weather()) => {
      const source = { bucket: "raw", key: facts.key };
      const id = sourceIdOf(source);
      const part = { sourceId: id, generation: 1, attempt: "a" };
      const silver = await quarantineParts(
        connection,
        { folder, key: quarantinePartKey(dataset.name, part) },
        { facts, id },
      );
      const gold = await goldParts(connection, { folder, dataset, part }, { facts, id });
      const blank = blankManifest(facts, { id, dataset: dataset.name });
      const cleaner: Manifest = { ...blank, stage: "cleaner", outputs: silver, ...facts.cleaner };
      const joiner: Manifest = {
        ...blank,
        stage: "joiner",
        input: { identity: String(cleaner.generation) },
        outputs: gold,
        ...facts.joiner,
      };
      for (const manifest of [cleaner, joiner]) {
        await write(join("ops", manifestKey(manifest.stage, dataset.name, id)), `${JSON.stringify(manifest)}\n`);
      }
      const partitions = facts.registered === false ? [] : gold.map(({ partition }) => partition);
      await register(folder, dataset, partitions);
      return gold.map(({ key }) => join(folder, "gold", key));
    },
    [Symbol.asyncDispose]: async () => {
      connection.closeSync();
      instance.closeSync();
      await rm(root, { recursive: true, force: true });
    },
  };
}

type Outputs = Manifest["outputs"];

async function quarantineParts(
  connection: DuckDBConnection,
  to: { readonly folder: string; readonly key: string },
  of: { readonly facts: SourceFacts; readonly id: string },
): Promise<Outputs> {
  const { quarantined = [] } = of.facts;
  if (quarantined.length === 0) return [];
  const rows = quarantined.map((original, at) => ({
    source_id: of.id,
    source_record: at + 1,
    format: "weather-ndjson",
    reason: "malformed-record",
    reasons: ["malformed-record"],
    original,
  }));
  await copyRows(connection, { path: join(to.folder, "silver", to.key), columns: quarantineColumns }, rows);
  return [{ bucket: "silver", key: to.key, rows: rows.length, bytes: 500, role: "quarantine", partition: "" }];
}

async function goldParts(
  connection: DuckDBConnection,
  to: {
    readonly folder: string;
    readonly dataset: DatasetDefinition;
    readonly part: Parameters<typeof quarantinePartKey>[1];
  },
  of: { readonly facts: SourceFacts; readonly id: string },
): Promise<Outputs> {
  const outputs: Outputs = [];
  const byPartition = Object.groupBy(of.facts.readings ?? [], ({ country, year }) =>
    partitionPath({ country, year: String(year) }),
  );
  for (const [partition, readings = []] of Object.entries(byPartition)) {
    const key = goldPartKey(to.dataset.name, to.dataset.table.name, partition, to.part);
    const rows = readings.map(({ place, celsius, year }, at) => ({
      source_id: of.id,
      source_record: at + 1,
      format: "weather-ndjson",
      place,
      at: `${year}-02-06 12:00:00.5+00`,
      celsius,
      flags: [],
    }));
    await copyRows(connection, { path: join(to.folder, "gold", key), columns: cleanColumns(to.dataset) }, rows);
    outputs.push({ bucket: "gold", key, rows: rows.length, bytes: 700, role: "gold", partition });
  }
  return outputs;
}

async function copyRows(
  connection: DuckDBConnection,
  to: { readonly path: string; readonly columns: readonly Column[] },
  rows: readonly unknown[],
): Promise<void> {
  await mkdir(dirname(to.path), { recursive: true });
  const structure = Object.fromEntries(
    to.columns.map(({ name, type }) => [name, type === "timestamptz" ? "VARCHAR" : duckDbType(type)]),
  );
  const values = to.columns.map(({ name, type }) => `CAST(r."${name}" AS ${duckDbType(type)}) AS "${name}"`);
  await connection.run(
    `COPY (SELECT ${values.join(", ")} FROM (SELECT unnest(from_json(${quoteText(JSON.stringify(rows))}, ${quoteText(JSON.stringify([structure]))})) AS r))
     TO ${quoteText(to.path)} (FORMAT parquet)`,
  );
}

function blankManifest(facts: SourceFacts, of: { readonly id: string; readonly dataset: string }): Manifest {
  const kept = facts.readings?.length ?? 0;
  const quarantined = facts.quarantined?.length ?? 0;
  return {
    contract: "manifest/1",
    stage: "cleaner",
    dataset: of.dataset,
    source: { bucket: "raw", key: facts.key },
    sourceId: of.id,
    generation: 1,
    attempt: "a",
    state: "current",
    stale: false,
    input: { identity: '"etag"', sizeBytes: 1234, lastModified: "2018-02-07T00:00:00.000Z" },
    fingerprint: facts.fingerprint ?? "f1",
    rulePack: 1,
    format: "weather-ndjson",
    referenceTime: "2018-02-07T00:00:00.000Z",
    counts: {
      read: kept + quarantined,
      kept,
      quarantined,
      reasons: quarantined === 0 ? {} : { "malformed-record": quarantined },
      flags: {},
    },
    rejection: null,
    outputs: [],
    pending: [],
    debris: [],
    versions: [],
    timings: {},
    committedAt: "2018-02-07T00:00:01.250Z",
    correlationId: "c",
    workerVersion: "0",
  };
}

async function register(folder: string, dataset: DatasetDefinition, partitions: readonly string[]): Promise<void> {
  await changeCatalogFile({ file: catalogFileOf(folder), clock: systemClock }, async (connection) => {
    for (const partition of partitions) {
      await connection.run("INSERT OR IGNORE INTO partitions VALUES ($1, $2, $3, 'gold', '', '')", [
        dataset.name,
        dataset.table.name,
        partition,
      ]);
    }
  });
}
