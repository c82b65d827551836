/** `npm run bench [SCENARIO…]`: measures the pipeline, and prints tables, JSON or Markdown. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { quietNode } from "../cli/src/tell.ts";
import { openDuckDb } from "../shared/src/duckdb.ts";
import { watchOthers } from "./measure.ts";
import type { Options } from "./options.ts";
import { cold, day } from "./scenarios/day.ts";
import { fetches, growth, latency, small } from "./scenarios/load.ts";
import { many, partitions, size } from "./scenarios/size.ts";
import { type Table, shown } from "./tables.ts";

const usual = { day, cold, growth, fetches, small, latency };
const scenarios = new Map<string, (options: Options) => Promise<readonly Table[]>>(
  Object.entries({ ...usual, size, partitions, many }),
);

const help = `npm run bench -- [SCENARIO…] [options]

  day         a day in a warm process: each stage and the whole, beside one bare DuckDB statement
  cold        the whole command, from its start to its end
  growth      1, 2, 4 and 8 times a day: records a second, peak memory
  fetches     the files of --folder, one after another
  small       1,000 sources of 100 rows at once
  latency     from PUT to a row that can be queried, when idle; 50 times
These are run when none is named. The following take long, and gigabytes of disk:
  size        sources of 2 and 5 GB through services as processes: memory, scratch, health
  partitions  one source of 5,040 partitions
  many        100,000 tiny sources: whether memory grows

  --input FILE   a legacy CSV file for day and cold      --records N      of a generated day (440000)
  --folder DIR   files for fetches                       --rounds N       the median of so many (5)
  --sources N    for small, latency and many             --gigabytes 2,5  for size
  --work DIR     where files are made and removed        --json, --markdown
  --update       writes the tables into docs/performance.md
`;

/** Returns the exit code. */
export async function bench(args: readonly string[]): Promise<number> {
  quietNode(process, false);
  const { values, positionals } = parse(args);
  const wrong = positionals.find((name) => !scenarios.has(name));
  if (values.help || wrong !== undefined) {
    process.stdout.write(wrong === undefined ? help : `There is no scenario ${wrong}.\n\n${help}`);
    return wrong === undefined ? 0 : 2;
  }
  const results: Record<string, Result> = {};
  for (const name of positionals.length > 0 ? positionals : Object.keys(usual)) {
    const result = await measure(name, values, args);
    results[name] = result;
    const isMarkdown = values.markdown || values.update;
    const text = [...result.tables.map((table) => shown(table, isMarkdown)), result.under].join("\n\n");
    if (values.update) await update(name, text);
    if (!values.json) process.stdout.write(`${text}\n\n`);
  }
  if (values.json) process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`);
  return 0;
}

interface Result {
  readonly tables: readonly Table[];
  /** A sentence on machine and circumstances. */
  readonly under: string;
}

async function measure(name: string, values: Values, args: readonly string[]): Promise<Result> {
  const work = await mkdtemp(join(values.work, "airlake-bench-"));
  const options = {
    ...values,
    work,
    records: Number(values.records),
    rounds: Number(values.rounds),
    sources: values.sources === undefined ? undefined : Number(values.sources),
    gigabytes: values.gigabytes.split(",").map(Number),
  };
  try {
    const othersBusy = watchOthers();
    const tables = (await scenarios.get(name)?.(options)) ?? [];
    const given = args.filter((arg) => !scenarios.has(arg) && !/^--(json|markdown|update)$/u.test(arg));
    return { tables, under: await circumstances(work, othersBusy(), [name, ...given]) };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

type Values = ReturnType<typeof parse>["values"];

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      input: { type: "string" },
      folder: { type: "string" },
      records: { type: "string", default: "440000" },
      rounds: { type: "string", default: "5" },
      sources: { type: "string" },
      gigabytes: { type: "string", default: "2,5" },
      work: { type: "string", default: tmpdir() },
      json: { type: "boolean", default: false },
      markdown: { type: "boolean", default: false },
      update: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
}

/** Cores that other programs keep busy: above this, wall times say little. */
const quietBelow = 0.15;

/** What stands below every figure: command, machine, versions, and whether it was disturbed. */
async function circumstances(folder: string, othersBusy: number, args: readonly string[]): Promise<string> {
  using duckdb = await openDuckDb({ threads: 1, memoryLimitMb: 64, scratch: folder });
  // A machine's folders are nobody's business.
  const command = args.map((arg) => arg.split("/").at(-1)).join(" ");
  const machine = `${availableParallelism()} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 1e9)} GB`;
  const quiet =
    othersBusy < quietBelow
      ? "other programs were idle"
      : `other programs kept ${othersBusy.toFixed(1)} cores busy: compare CPU times and ratios, not wall times`;
  return `\`npm run bench -- ${command}\` on ${machine}, Node ${process.versions.node}, DuckDB ${duckdb.version}; ${quiet}.`;
}

/** Replaces what stands between the scenario's marks in the document. */
async function update(name: string, text: string): Promise<void> {
  const document = new URL("../docs/performance.md", import.meta.url);
  const old = await readFile(document, "utf8");
  const [from, to] = [`<!-- bench ${name} -->`, `<!-- end ${name} -->`].map((mark) => old.indexOf(mark));
  if (from === undefined || to === undefined || from === -1 || to < from) throw new Error(`no marks for ${name}`);
  await writeFile(document, `${old.slice(0, old.indexOf("\n", from))}\n\n${text}\n\n${old.slice(to)}`);
}
