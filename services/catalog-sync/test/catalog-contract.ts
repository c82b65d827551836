/** What every catalog must do, whatever keeps it. */
import { type DatasetDefinition } from "@airlake/shared/contracts/dataset";
import { type TableDefinition, tablesOf } from "@airlake/shared/contracts/tables";
import { TransientError } from "@airlake/shared/errors";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Catalog } from "../src/catalog.ts";
import { buckets, weather } from "./weather.ts";

export interface SeenTable {
  readonly name: string;
  readonly comment: string;
  /** Names, types in the catalog's own words, and comments, in order. */
  readonly columns: readonly (readonly [name: string, type: string, comment: string])[];
  readonly partitions: readonly string[];
  /** bucket/prefix. */
  readonly location: string;
}

export interface SeenPartition {
  readonly path: string;
  /** bucket/prefix. */
  readonly location: string;
  readonly columns: number;
}

/** One store, and what is in it as an outsider sees it. */
export interface CatalogStore extends AsyncDisposable {
  /** A worker of its own: it knows nothing of what others have written. */
  worker(): Catalog;
  tables(database: string): Promise<readonly SeenTable[]>;
  partitions(database: string, table: string): Promise<readonly SeenPartition[]>;
  /** Takes one table away behind the workers' backs. */
  dropTable(database: string, table: string): Promise<void>;
}

/** Runs the contract. `reason` says why it cannot be run here. */
export function describeCatalog(name: string, open: () => Promise<CatalogStore>, reason?: string): void {
  describe.skipIf(reason !== undefined)(reason === undefined ? name : `${name} (skipped: ${reason})`, () => {
    let store: CatalogStore;
    let databases = 0;
    const fresh = (
      more: readonly string[] = [],
    ): { dataset: DatasetDefinition; table: TableDefinition; tables: readonly TableDefinition[] } =>
      of(weather(`weather_${(databases += 1)}`, more));

    beforeAll(async () => {
      store = await open();
    }, 120_000);
    afterAll(async () => {
      await store[Symbol.asyncDispose]();
    });

    test("creates a dataset's tables with their columns, comments and places", async () => {
      const { dataset, tables } = fresh();

      const counts = await store.worker().ensureTables(tables);

      expect(counts).toEqual({ created: 4, updated: 0 });
      const seen = await store.tables(dataset.name);
      expect(seen.map((table) => [table.name, table.location])).toEqual([
        ["countries", "gold/reference/countries/"],
        ["quarantine", `silver/${dataset.name}/quarantine/`],
        ["readings", `gold/${dataset.name}/readings/`],
        ["sources", `ops/manifests/cleaner/${dataset.name}/`],
      ]);
      const readings = seen.find((table) => table.name === "readings");
      expect(readings?.comment).toBe("One reading a row");
      expect(readings?.columns.map(([column]) => column)).toEqual([
        "source_id",
        "source_record",
        "format",
        "place",
        "at",
        "local_time",
        "celsius",
        "flags",
      ]);
      expect(readings?.columns.find(([column]) => column === "place")?.[2]).toBe("Where");
      expect(readings?.partitions).toEqual(["country", "year"]);
    });

    test("writes nothing when everything is there, for the same worker and for another", async () => {
      const { table, tables } = fresh();
      const worker = store.worker();
      await worker.ensureTables(tables);
      await worker.ensurePartitions(table, ["country=BE/year=2018"]);

      const again = [await worker.ensureTables(tables), await store.worker().ensureTables(tables)];
      const partitions = [
        await worker.ensurePartitions(table, ["country=BE/year=2018"]),
        await store.worker().ensurePartitions(table, ["country=BE/year=2018"]),
      ];

      expect(again).toEqual([
        { created: 0, updated: 0 },
        { created: 0, updated: 0 },
      ]);
      expect(partitions).toEqual([
        { added: 0, known: 1 },
        { added: 0, known: 1 },
      ]);
    });

    test("adds 250 partitions at once, and only the new ones of 300", async () => {
      const { dataset, table, tables } = fresh();
      const worker = store.worker();
      await worker.ensureTables(tables);
      const paths = Array.from({ length: 300 }, (_, at) => `country=BE/year=${1700 + at}`);

      const first = await worker.ensurePartitions(table, paths.slice(0, 250));
      const second = await store.worker().ensurePartitions(table, paths);

      expect([first, second]).toEqual([
        { added: 250, known: 0 },
        { added: 50, known: 250 },
      ]);
      const seen = await store.partitions(dataset.name, "readings");
      expect(seen.map(({ path }) => path)).toEqual(paths);
      expect(seen[0]?.location).toBe(`gold/${dataset.name}/readings/country=BE/year=1700/`);
    });

    test("counts a partition that is named twice once", async () => {
      const { dataset, table, tables } = fresh();
      const worker = store.worker();
      await worker.ensureTables(tables);

      const counts = await worker.ensurePartitions(table, ["country=NA/year=2018", "country=NA/year=2018"]);

      expect(counts).toEqual({ added: 1, known: 0 });
      expect(await store.partitions(dataset.name, "readings")).toHaveLength(1);
    });

    test("moves a partition that is registered at another place, and leaves the others", async () => {
      const { dataset, table, tables } = fresh();
      await store.worker().ensureTables(tables);
      const elsewhere = { ...table, location: { bucket: "gold", prefix: "elsewhere/" } };
      await store.worker().ensurePartitions(elsewhere, ["country=BE/year=2018", "country=BE/year=2019"]);

      const counts = await store.worker().ensurePartitions(table, ["country=BE/year=2018"]);

      expect(counts).toEqual({ added: 0, known: 1 });
      expect((await store.partitions(dataset.name, "readings")).map(({ location }) => location)).toEqual([
        `gold/${dataset.name}/readings/country=BE/year=2018/`,
        "gold/elsewhere/country=BE/year=2019/",
      ]);
    });

    test("adds a column that came later to the table, and to a partition when that is named again", async () => {
      const { dataset, table, tables } = fresh();
      const worker = store.worker();
      await worker.ensureTables(tables);
      await worker.ensurePartitions(table, ["country=BE/year=2018", "country=FR/year=2018"]);
      const later = of(weather(dataset.name, ["humidity"]));

      const counts = await worker.ensureTables(later.tables);
      await worker.ensurePartitions(later.table, ["country=BE/year=2018"]);

      expect(counts).toEqual({ created: 0, updated: 1 });
      const readings = (await store.tables(dataset.name)).find(({ name: table_ }) => table_ === "readings");
      expect(readings?.columns.find(([column]) => column === "humidity")?.[2]).toBe("Added later: humidity");
      const seen = await store.partitions(dataset.name, "readings");
      expect(seen.map(({ path, columns }) => [path, columns])).toEqual([
        ["country=BE/year=2018", 9],
        ["country=FR/year=2018", 8],
      ]);
    });

    test("updates a comment and a place that changed, and drops no table of the database", async () => {
      const { dataset, table, tables } = fresh();
      await store.worker().ensureTables([...tables, { ...table, name: "of_somebody_else" }]);
      const changed = { ...table, comment: "Readings, one a row", location: { bucket: "gold2", prefix: "r/" } };

      const counts = await store.worker().ensureTables([changed]);

      expect(counts).toEqual({ created: 0, updated: 1 });
      const seen = await store.tables(dataset.name);
      expect(seen.map(({ name: table_ }) => table_)).toEqual([
        "countries",
        "of_somebody_else",
        "quarantine",
        "readings",
        "sources",
      ]);
      expect(seen.find(({ name: table_ }) => table_ === "readings")).toMatchObject({
        comment: "Readings, one a row",
        location: "gold2/r/",
      });
    });

    test("lets workers that add the same partitions at once succeed, each partition counted as new by one", async () => {
      const { dataset, table, tables } = fresh();
      const paths = Array.from({ length: 40 }, (_, at) => `country=DE/year=${1900 + at}`);

      const counts = await Promise.all(
        Array.from({ length: 6 }, async (_, at) => {
          const worker = store.worker();
          const made = await worker.ensureTables(tables);
          const { added } = await worker.ensurePartitions(table, paths.slice(at * 4, at * 4 + 20));
          return { created: made.created, added };
        }),
      );

      expect(counts.reduce((sum, { created }) => sum + created, 0)).toBe(4);
      expect(counts.reduce((sum, { added }) => sum + added, 0)).toBe(40);
      expect(await store.partitions(dataset.name, "readings")).toHaveLength(40);
    });

    test("refuses partition columns that changed, and says what to do", async () => {
      const { table, tables } = fresh();
      await store.worker().ensureTables(tables);
      const changed = { ...table, partitions: table.partitions.slice(0, 1) };

      const change = store.worker().ensureTables([changed]);

      await expect(change).rejects.toThrow(/partitioned by \(country, year\).*give the table another name/);
    });

    test("refuses a partition that the table cannot have", async () => {
      const { dataset, table, tables } = fresh();
      const worker = store.worker();
      await worker.ensureTables(tables);

      const add = worker.ensurePartitions(table, ["country=BE/year=2018", "year=2018/country=BE"]);

      await expect(add).rejects.toThrow(/"year=2018\/country=BE" does not fit table/);
      expect(await store.partitions(dataset.name, "readings")).toEqual([]);
    });

    test("has nothing to do for a table without partitions", async () => {
      const { tables } = fresh();
      const worker = store.worker();
      await worker.ensureTables(tables);
      const quarantine = tables.find(({ name: table }) => table === "quarantine");

      const counts = await worker.ensurePartitions(quarantine!, []);

      expect(counts).toEqual({ added: 0, known: 0 });
    });

    test("asks for another try when the table was dropped, and makes it again with that", async () => {
      const { dataset, table, tables } = fresh();
      const worker = store.worker();
      await worker.ensureTables(tables);
      await store.dropTable(dataset.name, "readings");

      await expect(worker.ensurePartitions(table, ["country=BE/year=2018"])).rejects.toThrow(TransientError);
      const again = await worker.ensureTables(tables);
      const counts = await worker.ensurePartitions(table, ["country=BE/year=2018"]);

      expect(again).toEqual({ created: 1, updated: 0 });
      expect(counts).toEqual({ added: 1, known: 0 });
    });

    test("stops when it is told to, before it writes", async () => {
      const { dataset, tables } = fresh();
      const worker = store.worker();

      const stopped = worker.ensureTables(tables, AbortSignal.abort(new Error("told to stop")));

      await expect(stopped).rejects.toThrow();
      expect(await store.tables(dataset.name)).toEqual([]);
    });
  });
}

function of(dataset: DatasetDefinition): {
  dataset: DatasetDefinition;
  table: TableDefinition;
  tables: readonly TableDefinition[];
} {
  const tables = tablesOf(dataset, buckets);
  return { dataset, table: tables[0]!, tables };
}
