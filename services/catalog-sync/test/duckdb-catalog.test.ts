import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { systemClock } from "@airlake/shared/clock";
import { tablesOf } from "@airlake/shared/contracts/tables";
import { changeCatalogFile, registeredPartitions } from "@airlake/shared/embedded/catalog-file";
import { TransientError } from "@airlake/shared/errors";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterEach, beforeEach, expect, test } from "vitest";

import { createDuckDbCatalog } from "../src/duckdb-catalog.ts";
import { openCatalogFile } from "../src/operate.ts";
import { type CatalogStore, describeCatalog } from "./catalog-contract.ts";
import { buckets, weather } from "./weather.ts";

describeCatalog("the catalog in a DuckDB file", async () => storeIn(await mkdtemp(join(tmpdir(), "airlake-catalog-"))));

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "airlake-catalog-"));
  file = join(folder, "catalog.duckdb");
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const tables = tablesOf(weather("weather"), buckets);
const table = tables[0]!;

test("makes no file before there is something to write, and leaves it alone when there is nothing new", async () => {
  const catalog = createDuckDbCatalog({ file, clock: systemClock });
  await expect(stat(file)).rejects.toThrow(/ENOENT/);

  await catalog.ensureTables(tables);
  await catalog.ensurePartitions(table, ["country=BE/year=2018"]);
  const written = (await stat(file, { bigint: true })).mtimeNs;
  await catalog.ensureTables(tables);
  await catalog.ensurePartitions(table, ["country=BE/year=2018"]);

  expect((await stat(file, { bigint: true })).mtimeNs).toBe(written);
});

test("writes all of it again when somebody has removed the file", async () => {
  const catalog = createDuckDbCatalog({ file, clock: systemClock });
  await catalog.ensureTables(tables);
  await catalog.ensurePartitions(table, ["country=BE/year=2018"]);
  await rm(file);

  const made = await catalog.ensureTables(tables);
  const counts = await catalog.ensurePartitions(table, ["country=BE/year=2018"]);

  expect([made, counts]).toEqual([
    { created: 4, updated: 0 },
    { added: 1, known: 0 },
  ]);
});

test("registers again what an operator has dropped meanwhile, each time", async () => {
  const worker = createDuckDbCatalog({ file, clock: systemClock });
  using operator = openCatalogFile(file, systemClock);
  const path = "country=BE/year=2018";
  await worker.ensureTables(tables);
  const first = await worker.ensurePartitions(table, [path, "country=FR/year=2018"]);

  const again = [];
  for (let time = 1; time <= 2; time += 1) {
    await operator.drop(table, [path]);
    again.push(await worker.ensurePartitions(table, [path]), await worker.ensurePartitions(table, [path]));
  }

  expect(first).toEqual({ added: 2, known: 0 });
  expect(again.map(({ added }) => added)).toEqual([1, 0, 1, 0]);
  expect(await registeredPartitions({ file, clock: systemClock }, table)).toEqual(
    new Set([path, "country=FR/year=2018"]),
  );
});

test("drops nothing where the services that run could not be told of it", async () => {
  const worker = createDuckDbCatalog({ file, clock: systemClock });
  using operator = openCatalogFile(file, systemClock);
  const path = "country=BE/year=2018";
  await worker.ensureTables(tables);
  await worker.ensurePartitions(table, [path]);
  // In the place of the marker, which then cannot be written.
  await mkdir(`${file}.dropped`);

  await expect(operator.drop(table, [path])).rejects.toThrow(/EISDIR/);

  expect(await registeredPartitions({ file, clock: systemClock }, table)).toEqual(new Set([path]));
});

test("loses nothing when several processes, and several workers in each, add partitions at once", async () => {
  const adder = fileURLToPath(new URL("add-partitions.ts", import.meta.url));
  const processes = ["AA", "BB", "CC"].map(async (country) => {
    const child = spawn(process.execPath, [adder, file, country, "12"], { stdio: ["ignore", "ignore", "inherit"] });
    const [code] = await once(child, "exit");
    return code;
  });

  const codes = await Promise.all(processes);

  expect(codes).toEqual([0, 0, 0]);
  const seen = await registeredPartitions({ file, clock: systemClock }, table);
  expect(seen.size).toBe(3 * 2 * 12);
});

test("keeps what was committed when a process is killed with the file open, and is not blocked by it", async () => {
  const catalog = createDuckDbCatalog({ file, clock: systemClock });
  await catalog.ensureTables(tables);
  const holder = fileURLToPath(new URL("hold-catalog.ts", import.meta.url));
  const child = spawn(process.execPath, [holder, file], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");

  const before = await registeredPartitions({ file, clock: systemClock }, table);
  const counts = await catalog.ensurePartitions(table, ["country=BE/year=2018"]);

  expect([...before]).toEqual(["country=ZZ/year=1"]);
  expect(counts).toEqual({ added: 1, known: 0 });
  expect((await registeredPartitions({ file, clock: systemClock }, table)).size).toBe(2);
});

test("is not in the way of itself where a process was killed while it made the file", async () => {
  await writeFile(`${file}.new`, "half a databa");
  const catalog = createDuckDbCatalog({ file, clock: systemClock });

  const counts = await catalog.ensureTables(tables);

  expect(counts).toEqual({ created: 4, updated: 0 });
  expect(await readdir(folder)).toEqual(["catalog.duckdb", "catalog.duckdb.lock"]);
});

test("asks for another try when another program keeps the file", async () => {
  await createDuckDbCatalog({ file, clock: systemClock }).ensureTables(tables);
  const holder = fileURLToPath(new URL("hold-catalog.ts", import.meta.url));
  const child = spawn(process.execPath, [holder, file], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  let atMs = 0;
  const hurried = { ...systemClock, monotonicMs: () => atMs, sleep: async () => void (atMs += 1000) };

  const blocked = createDuckDbCatalog({ file, clock: hurried }).ensurePartitions(table, ["country=BE/year=2018"]);

  await expect(blocked).rejects.toThrow(TransientError);
  await expect(blocked).rejects.toThrow(/held by another program/);
  child.kill("SIGKILL");
  await once(child, "exit");
});

test("writes nothing of a change that fails half-way", async () => {
  await createDuckDbCatalog({ file, clock: systemClock }).ensureTables(tables);

  const change = changeCatalogFile({ file, clock: systemClock }, async (connection) => {
    await connection.run("DELETE FROM tables");
    throw new Error("half-way");
  });

  await expect(change).rejects.toThrow("half-way");
  expect(await createDuckDbCatalog({ file, clock: systemClock }).ensureTables(tables)).toEqual({
    created: 0,
    updated: 0,
  });
});

/** What is in the file is read with DuckDB itself, not with the code under test. */
function storeIn(own: string): CatalogStore {
  const path = join(own, "catalog.duckdb");
  const rows = async (sql: string, values: string[]): Promise<readonly Record<string, unknown>[]> => {
    const instance = await DuckDBInstance.create(path).catch(() => undefined);
    if (instance === undefined) return [];
    try {
      const connection = await instance.connect();
      const reader = await connection.runAndReadAll(sql, values);
      connection.closeSync();
      return reader.getRowObjectsJS();
    } finally {
      instance.closeSync();
    }
  };
  return {
    worker: () => createDuckDbCatalog({ file: path, clock: systemClock }),
    tables: async (database) => {
      const found = await rows("SELECT * FROM tables WHERE database_name = $1 ORDER BY table_name", [database]);
      const columns = await rows("SELECT * FROM columns WHERE database_name = $1 ORDER BY position", [database]);
      return found.map((row) => {
        const own_ = columns.filter((column) => column["table_name"] === row["table_name"]);
        return {
          name: String(row["table_name"]),
          comment: String(row["comment"]),
          columns: own_
            .filter((column) => column["is_partition"] === false)
            .map(
              (column) =>
                [String(column["column_name"]), String(column["column_type"]), String(column["comment"])] as const,
            ),
          partitions: own_
            .filter((column) => column["is_partition"] === true)
            .map((column) => String(column["column_name"])),
          location: `${String(row["bucket"])}/${String(row["prefix"])}`,
        };
      });
    },
    partitions: async (database, name) => {
      const found = await rows(
        "SELECT * FROM partitions WHERE database_name = $1 AND table_name = $2 ORDER BY partition",
        [database, name],
      );
      return found.map((row) => ({
        path: String(row["partition"]),
        location: `${String(row["bucket"])}/${String(row["prefix"])}`,
        columns: String(row["columns"]).split(", ").length,
      }));
    },
    dropTable: async (database, name) => {
      await rows("DELETE FROM tables WHERE database_name = $1 AND table_name = $2", [database, name]);
    },
    [Symbol.asyncDispose]: async () => rm(own, { recursive: true, force: true }),
  };
}
