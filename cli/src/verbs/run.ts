/** `airlake run PATH…`: the whole pipeline on files and folders. */
import type { Command } from "commander";

import { type Accounted, totalsOf } from "../account.ts";
import { printAccount } from "../account-screen.ts";
import { CommandError } from "../command-error.ts";
import { defaultDataset } from "../datasets.ts";
import { diskRoomFor } from "../disk-room.ts";
import { examples } from "../examples.ts";
import { openLake } from "../lake.ts";
import { folderOf } from "../opened-lake.ts";
import { type Named, nameSources } from "../named-sources.ts";
import { resolve } from "node:path";
import { type RunReport, runFiles } from "../run-files.ts";
import { sayInterrupted, withServices } from "../session.ts";
import { counted, printable } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

export interface RunOptions extends LakeOptions {
  readonly dataset: string;
}

export function addRun(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description(
      "Brings files into the lake, runs the pipeline until nothing is left to do, and prints what became of " +
        "every record. Files that the lake holds already are not done again; a changed file replaces exactly " +
        "its own records. Plain or gzip, CSV or NDJSON: the content tells the format, not the name.",
    )
    .argument("<path...>", "files, folders (with all in them) or quoted patterns such as 'day/*.csv.gz'")
    .option("--dataset <name>", "what the files' records mean: a folder under datasets/", defaultDataset)
    .addHelpText(
      "after",
      examples(
        [
          ["airlake run measurements.csv", "one file: source openaq/measurements.csv"],
          ["airlake run 2018-02-06/", "a folder: sources openaq/2018-02-06/…"],
          ["airlake run 'data/**/*.ndjson.gz'", "a pattern, in quotes"],
          ["airlake run data --json > account.json", "the account for a script"],
        ],
        "Ends with 0 when all sources are done or unchanged, with 1 when one was\nrejected, with 2 when it could not run. Ctrl-C stops it; the same command\ngoes on where it stopped.",
      ),
    )
    .action(async (paths: readonly string[], _options: unknown, command: Command) => {
      finish(await run(deps, paths, command.optsWithGlobals<RunOptions>()));
    });
}

/** Runs the pipeline on the paths and prints the account. */
export async function run(deps: VerbDeps, paths: readonly string[], options: RunOptions): Promise<ExitCode> {
  const startedMs = deps.clock.monotonicMs();
  // All names are known to be good before the lake is touched.
  const named = await nameSources(paths, { dataset: options.dataset, lakeFolder: resolve(options.lake) });
  saySkipped(deps, named);
  await diskRoomFor(resolve(options.lake), named.sources);
  const lake = await openLake(folderOf(options.lake, "run"), "create");
  const ended = await withServices(deps, { lake, options }, async (session) => runFiles(session, named.sources));
  if (ended.kind === "interrupted" || ended.value === undefined) {
    sayInterrupted(deps);
    return ended.kind === "interrupted" ? ended.exitCode : 130;
  }
  return printReport(deps, ended.value, { ...options, seconds: (deps.clock.monotonicMs() - startedMs) / 1000 });
}

/** Prints the account; the exit code says how it is. */
export function printReport(
  deps: VerbDeps,
  report: RunReport,
  how: { readonly json: boolean; readonly seconds: number; readonly lake: string },
): ExitCode {
  const { accounts } = report;
  if (how.json) deps.out.line(JSON.stringify(accountJson(accounts, how.seconds)));
  else printAccount(deps.out, accounts, how);
  if (report.discrepancies.length > 0) {
    throw new CommandError(
      `The account does not close, which is a defect of Airlake: ${report.discrepancies.slice(0, 3).join("; ")}.`,
      "Do not rely on these sources; please report this together with .airlake/log.ndjson from the lake's folder.",
    );
  }
  return accounts.some(({ line }) => line.outcome === "rejected") ? 1 : 0;
}

function accountJson(accounts: readonly Accounted[], seconds: number): unknown {
  const sources = accounts.map(({ line }) => line);
  return { sources, totals: totalsOf(sources), seconds: Math.round(seconds * 1000) / 1000 };
}

/** Says what lies in named folders and is not taken. */
export function saySkipped(deps: VerbDeps, { skipped }: Named): void {
  const whys = [...new Set(skipped.map(({ why }) => why))];
  for (const why of whys) {
    const paths = skipped.filter((one) => one.why === why).map(({ path }) => printable(path));
    const more = paths.length > 3 ? `, and ${counted(paths.length - 3, "more", "more")}` : "";
    deps.out.note(deps.out.noteStyle.dim(`left out (${why}): ${paths.slice(0, 3).join(", ")}${more}`));
  }
}
