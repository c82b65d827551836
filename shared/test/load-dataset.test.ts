/** A dataset's folder, read and checked: what is wrong with one is said in one error, before anything starts. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { ConfigError } from "../src/errors.ts";
import { loadDataset, loadDatasets } from "../src/load-dataset.ts";

const gauges = {
  contract: "dataset/1",
  name: "gauges",
  title: "Water levels",
  formats: [{ kind: "csv", name: "gauge-csv", delimiters: [","], columns: ["gauge", "cm"], sql: "formats/gauge.sql" }],
  rulePacks: { "1": "rules-1.sql" },
  reasons: ["malformed-record", "repeated"],
  flags: [],
  duplicates: { reason: "repeated", key: ["gauge"] },
  columns: [{ name: "gauge", type: "text", comment: "The gauge's name" }],
  table: {
    name: "levels",
    comment: "One row a reading",
    sql: "join.sql",
    columns: [],
    partitions: [],
    sort: ["gauge"],
  },
};

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "airlake-datasets-"));
});
afterEach(async () => rm(root, { recursive: true }));

/** Writes a dataset's folder; `changes` are laid over its definition, `files` over its files. */
async function writeDataset(changes: object = {}, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const folder = await mkdtemp(join(root, "dataset-"));
  await mkdir(join(folder, "formats"));
  const all = {
    "dataset.json": JSON.stringify({ ...gauges, ...changes }),
    "formats/gauge.sql": "SELECT * FROM delivered;\n",
    "rules-1.sql": "SELECT * FROM canonical",
    "join.sql": "SELECT * FROM clean",
    ...files,
  };
  for (const [name, text] of Object.entries(all)) await writeFile(join(folder, name), text);
  return folder;
}

test("gives the definition and the SQL without a semicolon at its end", async () => {
  const dataset = await loadDataset(await writeDataset());

  expect(dataset.definition.name).toBe("gauges");
  expect(dataset.sql("formats/gauge.sql")).toBe("SELECT * FROM delivered");
  expect(() => dataset.sql("other.sql")).toThrow(ConfigError);
});

test("has another fingerprint when any file changes, and the same in another place", async () => {
  const first = await loadDataset(await writeDataset());
  const same = await loadDataset(await writeDataset());
  const others = await Promise.all([
    writeDataset({}, { "rules-1.sql": "SELECT * FROM canonical " }).then(loadDataset),
    writeDataset({ title: "Levels" }).then(loadDataset),
    writeDataset({}, { "notes.md": "" }).then(loadDataset),
  ]);

  expect(same.fingerprint).toBe(first.fingerprint);
  expect(new Set([first, ...others].map(({ fingerprint }) => fingerprint)).size).toBe(4);
});

test.each([
  ["a file that is missing", { macros: "macros.sql" }, {}, /the file macros\.sql is missing/],
  ["an unlisted duplicate reason", { duplicates: { reason: "twice", key: ["gauge"] } }, {}, /the reason twice/],
  ["no reason for malformed records", { reasons: ["repeated"] }, {}, /malformed-record is missing/],
  ["a reason listed twice", { reasons: [...gauges.reasons, "repeated"] }, {}, /the reason repeated is listed twice/],
  [
    "two formats of one name",
    { formats: [gauges.formats[0], gauges.formats[0]] },
    {},
    /two formats are named gauge-csv/,
  ],
  ["two columns of one name", { columns: [...gauges.columns, ...gauges.columns] }, {}, /two columns are named gauge/],
  ["a pattern that is none", { referenceTime: [{ is: "unix-seconds", pattern: "(" }] }, {}, /no regular expression/],
  ["an unknown setting", { colour: "blue" }, {}, /colour/],
  ["a type that is none", { columns: [{ name: "gauge", type: "string", comment: "x" }] }, {}, /columns\[0\]\.type/],
  ["a definition that is no JSON", {}, { "dataset.json": "{" }, /dataset\.json is not JSON/],
])("refuses %s", async (_what, changes, files, says) => {
  const folder = await writeDataset(changes, files);

  await expect(loadDataset(folder)).rejects.toThrow(ConfigError);
  await expect(loadDataset(folder)).rejects.toThrow(says);
});

test("names all that is wrong at once", async () => {
  const folder = await writeDataset({ reasons: ["repeated", "repeated"] });

  await expect(loadDataset(folder)).rejects.toThrow(/listed twice.*malformed-record is missing/);
});

test("refuses a folder without a definition, no folder at all, and two of one dataset", async () => {
  await mkdir(join(root, "empty"));
  await expect(loadDataset(join(root, "empty"))).rejects.toThrow(/no dataset\.json/);
  await rm(join(root, "empty"), { recursive: true });
  await expect(loadDatasets(root)).rejects.toThrow(/no dataset/);

  await writeDataset();
  expect([...(await loadDatasets(root)).keys()]).toEqual(["gauges"]);
  await writeDataset();
  await expect(loadDatasets(root)).rejects.toThrow(/two folders .* are the dataset gauges/);
});
