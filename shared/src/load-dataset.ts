/** Reads the folders under `datasets/` into memory, once, when a worker starts. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { type DatasetDefinition, datasetSchema } from "./contracts/dataset.ts";
import { ConfigError } from "./errors.ts";

/** A dataset's folder, read and checked. */
export interface LoadedDataset {
  readonly definition: DatasetDefinition;
  /** The text of one of the folder's SQL files, by its name in dataset.json; without a semicolon at its end. */
  readonly sql: (file: string) => string;
  /** sha256 (hex) over the folder's file names and bytes: another one, and every source is done again. */
  readonly fingerprint: string;
}

/** Reads every folder of `root`, by the name of the dataset. Throws a ConfigError that names all that is wrong. */
export async function loadDatasets(root: string): Promise<ReadonlyMap<string, LoadedDataset>> {
  const entries = await readdir(root, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => join(root, entry.name));
  if (folders.length === 0) throw new ConfigError(`no dataset: ${root} holds no folder`);
  const datasets = await Promise.all(folders.toSorted().map(loadDataset));
  const twice = repeated(datasets.map((dataset) => dataset.definition.name));
  if (twice.length > 0) throw new ConfigError(`two folders of ${root} are the dataset ${twice.join(" and ")}`);
  return new Map(datasets.map((dataset) => [dataset.definition.name, dataset]));
}

/** Reads one dataset's folder. Throws a ConfigError that names all that is wrong with it. */
export async function loadDataset(folder: string): Promise<LoadedDataset> {
  const files = await readFolder(folder);
  const definition = parseDefinition(folder, files.get("dataset.json"));
  const problems = problemsOf(definition, files);
  if (problems.length > 0) throw new ConfigError(`dataset folder ${folder} is not usable: ${problems.join("; ")}`);
  return {
    definition,
    fingerprint: fingerprintOf(files),
    sql: (file) => {
      const text = files.get(file);
      if (text === undefined) throw new ConfigError(`dataset ${definition.name} has no file ${file}`);
      return text.toString("utf8").replace(/[\s;]+$/u, "");
    },
  };
}

async function readFolder(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length).replaceAll("\\", "/").replace(/^\/+/u, ""));
  const contents = await Promise.all(
    paths.toSorted().map(async (path) => [path, await readFile(join(folder, path))] as const),
  );
  return new Map(contents);
}

function parseDefinition(folder: string, bytes: Buffer | undefined): DatasetDefinition {
  if (bytes === undefined) throw new ConfigError(`dataset folder ${folder} has no dataset.json`);
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new ConfigError(`${join(folder, "dataset.json")} is not JSON`, { cause: error });
  }
  const parsed = datasetSchema.safeParse(json);
  if (!parsed.success) throw new ConfigError(`${join(folder, "dataset.json")}:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** What the schema cannot see: files that are missing, and names that must agree with one another. */
function problemsOf(definition: DatasetDefinition, files: ReadonlyMap<string, Buffer>): readonly string[] {
  const { duplicates, formats, reasons, rulePacks, table } = definition;
  const macros = definition.macros === undefined ? [] : [definition.macros];
  const sqlFiles = [...formats.map((format) => format.sql), ...macros, ...Object.values(rulePacks), table.sql];
  const flags = definition.flags.map((flag) => flag.name);
  return [
    ...sqlFiles.filter((file) => !files.has(file)).map((file) => `the file ${file} is missing`),
    ...repeated(formats.map((format) => format.name)).map((name) => `two formats are named ${name}`),
    ...repeated(definition.columns.map((column) => column.name)).map((name) => `two columns are named ${name}`),
    ...repeated(reasons).map((name) => `the reason ${name} is listed twice`),
    ...repeated(flags).map((name) => `the flag ${name} is listed twice`),
    ...(reasons.includes("malformed-record")
      ? []
      : ["the reason malformed-record is missing: the splitter itself gives it"]),
    ...(duplicates && !reasons.includes(duplicates.reason)
      ? [`the reason ${duplicates.reason} of duplicates is not listed`]
      : []),
    ...definition.referenceTime.flatMap((rule) => patternProblems(rule.pattern)),
  ];
}

function patternProblems(pattern: string): readonly string[] {
  try {
    RegExp(pattern, "u");
    return [];
  } catch (error) {
    return [
      `the pattern ${pattern} is no regular expression: ${error instanceof Error ? error.message : String(error)}`,
    ];
  }
}

function repeated(names: readonly string[]): readonly string[] {
  return [...new Set(names.filter((name, at) => names.indexOf(name) !== at))];
}

function fingerprintOf(files: ReadonlyMap<string, Buffer>): string {
  const hash = createHash("sha256");
  // Lengths are hashed too: no two folders can run together into the same bytes.
  for (const [path, bytes] of files) hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  return hash.digest("hex");
}
