/** `airlake query SQL`: asks the lake. */
import { type Command, InvalidArgumentError, Option } from "commander";

import { awsPrefixOf } from "../aws-lake.ts";
import { CommandError } from "../command-error.ts";
import { trinoIn } from "../config.ts";
import { knownDatasets } from "../datasets.ts";
import { examples } from "../examples.ts";
import { openLake } from "../lake.ts";
import { openAnyLake } from "../opened-lake.ts";
import { createProgress } from "../progress.ts";
import { writeCsv } from "../query/format-csv.ts";
import { writeJson } from "../query/format-json.ts";
import { tableLines } from "../query/format-table.ts";
import type { Query } from "../query/open-query.ts";
import type { QueryResult } from "../query/run-statement.ts";
import { writeParquet } from "../query/write-parquet.ts";
import { checkTarget } from "../target-file.ts";
import { counted } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface QueryOptions extends LakeOptions {
  readonly csv: boolean;
  /** The file to write. */
  readonly parquet?: string;
  readonly force: boolean;
  readonly engine: "duckdb" | "trino";
  readonly maxMb: number;
}

export function addQuery(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description(
      "Asks the lake in SQL (DuckDB's). A query reads the lake and nothing else, and cannot change anything.\n\n" +
        "Views:\n" +
        "  measurements  what was kept, with country, partition and flags\n" +
        "  quarantine    what was not kept: reason, reasons, original\n" +
        "  sources       the files: key, state, counts\n" +
        "  countries     ISO 3166-1, and Kosovo",
    )
    .argument("<sql>", "one statement; - reads it from standard input")
    .option("--csv", "print CSV", false)
    .option("--parquet <file>", "write a Parquet file, with the columns' types")
    .option("--force", "let --parquet replace a file that is there", false)
    .addOption(
      new Option("--engine <name>", "for a lake in AWS: what answers").choices(["duckdb", "trino"]).default("duckdb"),
    )
    .option("--max-mb <n>", "for duckdb and a lake in AWS: bring no more than this here", megabytes, 2000)
    .addHelpText(
      "after",
      examples(
        [
          ['airlake query "DESCRIBE measurements"', "the columns and types"],
          ['airlake query "SELECT parameter, count(*) FROM measurements GROUP BY 1"', ""],
          ['airlake query "SELECT reason, count(*) FROM quarantine GROUP BY 1" --json', ""],
          ['airlake query "SELECT * FROM measurements" --csv > all.csv', ""],
          ['airlake query "SELECT * FROM measurements" --parquet all.parquet', ""],
          ["airlake query - < question.sql", ""],
        ],
        "--json prints an array with one object for each row.\n\nOf an aws: lake only the partitions that the statement can read are brought here,\nand kept for a while in the folder for temporary files. Trino (TRINO_URL) is asked in its own SQL.",
      ),
    )
    .action(async (sql: string, _options: unknown, command: Command) => {
      finish(await ask(deps, sql, command.optsWithGlobals<QueryOptions>()));
    });
}

function megabytes(text: string): number {
  if (/^\d{1,9}(\.\d{1,6})?$/.test(text) && Number(text) > 0) return Number(text);
  throw new InvalidArgumentError("It must be a number of megabytes.");
}

async function ask(deps: VerbDeps, sql: string, options: QueryOptions): Promise<ExitCode> {
  await checkOptions(options);
  const statement = sql === "-" ? await deps.input.text() : sql;
  using interruption = deps.interruption();
  try {
    const { signal } = interruption;
    await using opened = await openEngine(deps, options, signal);
    const result = await opened.query.run(statement, signal);
    if (options.parquet === undefined) await print(deps, result, options);
    else await writeFile(deps, result, { file: options.parquet, signal, ...options });
    return 0;
  } catch (error) {
    if (interruption.signal.aborted) return interruption.exitCode();
    throw error;
  }
}

interface Engine extends AsyncDisposable {
  readonly query: Query;
}

/** What answers: DuckDB here, on the lake's folder or on what is brought of a lake in AWS; or Trino, where that lake is. */
async function openEngine(deps: VerbDeps, options: QueryOptions, signal: AbortSignal): Promise<Engine> {
  const { clock, out } = deps;
  const datasets = await knownDatasets();
  await using closing = new AsyncDisposableStack();
  if (awsPrefixOf(options.lake) === undefined) {
    const { folder } = await openLake(options.lake, "read");
    const { openQuery } = await import("../query/open-query.ts");
    const query = closing.use(await openQuery({ lake: folder, datasets, clock }, signal));
    return held(query, closing.move());
  }
  if (options.engine === "trino") {
    const { openTrinoQuery } = await import("../query/trino/open-trino-query.ts");
    return held(openTrinoQuery(trinoIn(), datasets), closing.move());
  }
  const opened = closing.use(await openAnyLake(options.lake, "read", clock));
  const progress = closing.use(createProgress(out, clock));
  const { openAwsQuery } = await import("../query/aws/open-aws-query.ts");
  const tell = (sentence: string): void => out.note(out.noteStyle.dim(sentence));
  const query = openAwsQuery({ opened, datasets, progress, maxBytes: options.maxMb * 1e6, tell });
  return held(closing.use(query), closing.move());
}

function held(query: Query, closing: AsyncDisposableStack): Engine {
  return { query, [Symbol.asyncDispose]: async () => closing.disposeAsync() };
}

/** Also whether the file may be written: before a question that takes its time. */
async function checkOptions({ csv, json, parquet, force, ...others }: QueryOptions): Promise<void> {
  checkEngine(others, parquet);
  if (csv && json) throw new CommandError("--csv and --json exclude each other.", "Give one of them.");
  if (csv && parquet !== undefined)
    throw new CommandError("--csv and --parquet exclude each other.", "Give one of them.");
  if (force && parquet === undefined)
    throw new CommandError("--force says nothing without --parquet.", "Name the file, as in --parquet all.parquet");
  if (parquet === "-") throw new CommandError("Parquet is no text for standard output.", "Name a file.");
  if (parquet !== undefined) await checkTarget({ file: parquet, force });
}

function checkEngine({ engine, lake }: Pick<QueryOptions, "engine" | "lake">, parquet: string | undefined): void {
  if (engine !== "trino") return;
  if (awsPrefixOf(lake) === undefined)
    throw new CommandError(
      `Trino reads lakes in AWS, and ${lake} is a folder.`,
      "Leave --engine away, or give --lake aws:PREFIX.",
    );
  if (parquet !== undefined)
    throw new CommandError("--parquet writes what DuckDB finds.", "Leave --engine trino away, or give --csv.");
}

async function writeFile(
  { out }: VerbDeps,
  result: QueryResult,
  to: { readonly file: string; readonly signal: AbortSignal; readonly force: boolean; readonly json: boolean },
): Promise<void> {
  const rows = await writeParquet(result, to);
  if (to.json) out.line(JSON.stringify({ file: to.file, format: "parquet", rows }));
  else out.line(`${counted(rows, "row")} written to ${to.file}`);
}

async function print({ out }: VerbDeps, result: QueryResult, options: QueryOptions): Promise<void> {
  const write = async (text: string): Promise<void> => out.write(text);
  if (options.json) await writeJson(result, write);
  else if (options.csv) await writeCsv(result, write);
  else for (const line of await tableLines(result, { width: out.columns, title: out.style.dim })) out.line(line);
}
