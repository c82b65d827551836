/** Writes a sample: some dozen files of one day, and beside the folder the truth about them. */
import { createWriteStream } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

import { BAD_FILE_NAMES, writeBadFiles } from "./bad-files.ts";
import { traitsOf } from "./draft.ts";
import { planFiles } from "./plan.ts";
import type { FilePlan } from "./plan.ts";
import { createRandom } from "./prng.ts";
import type { Random } from "./prng.ts";
import { generateRecords } from "./records.ts";
import { createTally } from "./truth.ts";
import type { FileTruth, SampleTruth, Tally } from "./truth.ts";
import { createCsvWriter } from "./write-csv.ts";
import { writeNdjsonRecord } from "./write-ndjson.ts";

export type SampleOptions = {
  /** Made if it is not there. May hold an earlier sample of the same day, which is replaced, and nothing else. */
  readonly folder: string;
  /** YYYY-MM-DD, UTC, from 2001-09-10 to 2033-05-17 (Unix seconds of ten digits), and before today. */
  readonly date: string;
  /** Any safe integer. */
  readonly seed: number;
  /** About how many records over all good files: 100 to 20,000,000. */
  readonly records: number;
  readonly badFiles: boolean;
  /** What the gzip bomb among the bad files inflates to, in bytes; 64 MiB unless told. */
  readonly bombBytes?: number;
};

const CHUNK_CHARACTERS = 256 * 1024;
const DEFAULT_BOMB_BYTES = 64 * 1024 * 1024;
const FIRST_DAY_MS = Date.UTC(2001, 8, 10);
const LAST_DAY_MS = Date.UTC(2033, 4, 17);

/** Where the truth about the sample in a folder lies: beside it, so that it is not taken for a source. */
export function truthPath(folder: string): string {
  return `${resolve(folder)}.truth.json`;
}

/**
 * Writes the files, then the truth (also returned) as JSON to `truthPath(folder)`. The same options give the same bytes.
 * Throws a RangeError for options out of range, an Error for a folder that holds other files, and what the file system
 * throws; a file that could not be written whole is removed.
 */
export async function generateSample(options: SampleOptions): Promise<SampleTruth> {
  const dayMs = checkedDay(options);
  const plans = planFiles(dayMs, options.records, createRandom(options.seed, "plan"));
  await clearFolder(options, plans);
  const files: FileTruth[] = [];
  for (const plan of plans) files.push(await writeFileOf(plan, options));
  const bombBytes = options.bombBytes ?? DEFAULT_BOMB_BYTES;
  const random = createRandom(options.seed, "bad files");
  const badFiles = options.badFiles ? await writeBadFiles(options.folder, random, bombBytes) : [];
  const truth: SampleTruth = {
    contract: "sample-truth/1",
    date: options.date,
    seed: options.seed,
    files,
    badFiles,
    totals: {
      read: sum(files.map((file) => file.read)),
      kept: sum(files.map((file) => file.kept)),
      quarantined: sum(files.map((file) => file.quarantined)),
    },
  };
  await writeFile(truthPath(options.folder), `${JSON.stringify(truth)}\n`);
  return truth;
}

function checkedDay({ date, seed, records }: SampleOptions): number {
  const dayMs = Date.parse(`${date}T00:00:00Z`);
  if (Number.isNaN(dayMs) || new Date(dayMs).toISOString().slice(0, 10) !== date) {
    throw new RangeError(`The date must be a day like 2018-02-06, not ${JSON.stringify(date)}.`);
  }
  if (dayMs < FIRST_DAY_MS || dayMs > LAST_DAY_MS) {
    throw new RangeError(`The date must lie between 2001-09-10 and 2033-05-17, not at ${date}.`);
  }
  if (!Number.isSafeInteger(seed)) throw new RangeError(`The seed must be a whole number, not ${seed}.`);
  if (!Number.isInteger(records) || records < 100 || records > 20_000_000) {
    throw new RangeError(`The number of records must be whole and between 100 and 20,000,000, not ${records}.`);
  }
  return dayMs;
}

/** A file that is no part of the truth would be read as a source with unknown truth: so there must be none. */
async function clearFolder(options: SampleOptions, plans: readonly FilePlan[]): Promise<void> {
  await mkdir(options.folder, { recursive: true });
  const ours = new Set([...plans.map((plan) => plan.name), ...BAD_FILE_NAMES]);
  const present = await readdir(options.folder);
  // Whoever asked for them once did not ask now for them to be taken away.
  const bad = options.badFiles ? undefined : present.find((name) => BAD_FILE_NAMES.includes(name));
  if (bad !== undefined) {
    throw new Error(
      `The folder ${options.folder} holds broken files of an earlier sample (${bad}): add --bad-files to make them again, or give another folder.`,
    );
  }
  const foreign = present.find((name) => !ours.has(name));
  if (foreign !== undefined) {
    throw new Error(`The folder ${options.folder} holds ${foreign}: give a folder that is empty or not there yet.`);
  }
  // First the old truth: whatever stops this run, no truth may lie beside files that it does not describe.
  await rm(truthPath(options.folder), { force: true });
  for (const name of present) await rm(join(options.folder, name));
}

async function writeFileOf(plan: FilePlan, options: SampleOptions): Promise<FileTruth> {
  const { name, format, referenceMs } = plan;
  const referenceTime = referenceMs === null ? null : new Date(referenceMs).toISOString();
  const tally = createTally({ name, format, referenceTime });
  const path = join(options.folder, name);
  const chunks = Readable.from(inChunks(pieces(plan, createRandom(options.seed, name), tally)), { objectMode: false });
  try {
    await (plan.gzipped
      ? pipeline(chunks, createGzip({ level: 5 }), createWriteStream(path))
      : pipeline(chunks, createWriteStream(path)));
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return tally.truth();
}

/** Small texts gathered into buffers that are worth a write. */
function* inChunks(texts: Iterable<string>): Generator<Buffer> {
  let gathered: string[] = [];
  let size = 0;
  for (const text of texts) {
    gathered.push(text);
    size += text.length;
    if (size < CHUNK_CHARACTERS) continue;
    yield Buffer.from(gathered.join(""));
    gathered = [];
    size = 0;
  }
  if (size > 0) yield Buffer.from(gathered.join(""));
}

/** The file's text in pieces: BOM, header, records, line ends and blank lines. */
function* pieces(plan: FilePlan, random: Random, tally: Tally): Generator<string> {
  const { header, write } = traitsOf(plan.format).json
    ? { header: null, write: writeNdjsonRecord }
    : createCsvWriter(plan);
  if (plan.bom) yield "\u{feff}";
  if (header !== null) yield `${header}${firstLineEnd(plan)}`;
  let index = 0;
  for (const { draft, kind } of generateRecords(plan, random)) {
    index += 1;
    tally.add(draft, kind);
    yield write(draft, random);
    if (index === plan.records && !plan.finalLineEnd) return;
    yield index === 1 ? firstLineEnd(plan) : lineEnds(plan, random);
  }
}

/** Never a lone CR: whatever looks at a file's first line alone, to tell its format, must see where it ends. */
function firstLineEnd(plan: FilePlan): string {
  return plan.lineEnd === "crlf" ? "\r\n" : "\n";
}

/** One line end, and now and then blank lines after it, which are no records. */
function lineEnds(plan: FilePlan, random: Random): string {
  let text = lineEnd(plan, random);
  while (random.chance(0.004)) text += `${blankLine(plan, random)}${lineEnd(plan, random)}`;
  return text;
}

/** In CSV a line of blanks would be a field; JSON allows them anywhere. */
function blankLine(plan: FilePlan, random: Random): string {
  return traitsOf(plan.format).json ? random.pick(["", "  ", "\t"]) : "";
}

/** Mixed CSV also has a lone CR; in NDJSON a CR is a blank, not a line end. */
function lineEnd(plan: FilePlan, random: Random): string {
  if (plan.lineEnd === "crlf") return "\r\n";
  if (plan.lineEnd === "lf") return "\n";
  return random.pick(traitsOf(plan.format).json ? ["\n", "\r\n"] : ["\n", "\r\n", "\r"]);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
