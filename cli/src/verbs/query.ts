/** `airlake query SQL`: asks the lake. */
import type { Command } from "commander";

import { CommandError } from "../command-error.ts";
import { knownDatasets } from "../datasets.ts";
import { examples } from "../examples.ts";
import { openLake } from "../lake.ts";
import { writeCsv } from "../query/format-csv.ts";
import { writeJson } from "../query/format-json.ts";
import { tableLines } from "../query/format-table.ts";
import { type QueryResult, openQuery } from "../query/open-query.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface QueryOptions extends LakeOptions {
  readonly csv: boolean;
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
    .addHelpText(
      "after",
      examples(
        [
          ['airlake query "DESCRIBE measurements"', "the columns and types"],
          ['airlake query "SELECT parameter, count(*) FROM measurements GROUP BY 1"', ""],
          ['airlake query "SELECT reason, count(*) FROM quarantine GROUP BY 1" --json', ""],
          ['airlake query "SELECT * FROM measurements" --csv > all.csv', ""],
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
  if (options.csv && options.json) throw new CommandError("--csv and --json exclude each other.", "Give one of them.");
  const lake = await openLake(options.lake, "read");
  const statement = sql === "-" ? await deps.input.text() : sql;
  using interruption = deps.interruption();
  try {
    const { signal } = interruption;
    await using asked = await openQuery(
      { lake: lake.folder, datasets: await knownDatasets(), clock: deps.clock },
      signal,
    );
    await print(deps, await asked.run(statement, signal), options);
    return 0;
  } catch (error) {
    if (interruption.signal.aborted) return interruption.exitCode();
    throw error;
  }
}

async function print({ out }: VerbDeps, result: QueryResult, options: QueryOptions): Promise<void> {
  const write = async (text: string): Promise<void> => out.write(text);
  if (options.json) await writeJson(result, write);
  else if (options.csv) await writeCsv(result, write);
  else for (const line of await tableLines(result, { width: out.columns, title: out.style.dim })) out.line(line);
}
