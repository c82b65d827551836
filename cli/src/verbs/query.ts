/** `airlake query SQL`: asks the lake. */
import type { Command } from "commander";

import { CommandError } from "../command-error.ts";
import { knownDatasets } from "../datasets.ts";
import { examples } from "../examples.ts";
import { openLake } from "../lake.ts";
import { folderOf } from "../opened-lake.ts";
import { writeCsv } from "../query/format-csv.ts";
import { writeJson } from "../query/format-json.ts";
import { tableLines } from "../query/format-table.ts";
import { type QueryResult, openQuery } from "../query/open-query.ts";
import { writeParquet } from "../query/write-parquet.ts";
import { checkTarget } from "../target-file.ts";
import { counted } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface QueryOptions extends LakeOptions {
  readonly csv: boolean;
  /** The file to write. */
  readonly parquet?: string;
  readonly force: boolean;
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
        "--json prints an array with one object for each row.",
      ),
    )
    .action(async (sql: string, _options: unknown, command: Command) => {
      finish(await query(deps, sql, command.optsWithGlobals<QueryOptions>()));
    });
}

async function query(deps: VerbDeps, sql: string, options: QueryOptions): Promise<ExitCode> {
  await checkOptions(options);
  const lake = await openLake(folderOf(options.lake, "query"), "read");
  const statement = sql === "-" ? await deps.input.text() : sql;
  using interruption = deps.interruption();
  try {
    const { signal } = interruption;
    await using asked = await openQuery(
      { lake: lake.folder, datasets: await knownDatasets(), clock: deps.clock },
      signal,
    );
    const result = await asked.run(statement, signal);
    if (options.parquet === undefined) await print(deps, result, options);
    else await writeFile(deps, result, { file: options.parquet, signal, ...options });
    return 0;
  } catch (error) {
    if (interruption.signal.aborted) return interruption.exitCode();
    throw error;
  }
}

/** Also whether the file may be written: before a question that takes its time. */
async function checkOptions({ csv, json, parquet, force }: QueryOptions): Promise<void> {
  if (csv && json) throw new CommandError("--csv and --json exclude each other.", "Give one of them.");
  if (csv && parquet !== undefined)
    throw new CommandError("--csv and --parquet exclude each other.", "Give one of them.");
  if (force && parquet === undefined)
    throw new CommandError("--force says nothing without --parquet.", "Name the file, as in --parquet all.parquet");
  if (parquet === "-") throw new CommandError("Parquet is no text for standard output.", "Name a file.");
  if (parquet !== undefined) await checkTarget({ file: parquet, force });
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
