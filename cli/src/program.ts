/** The command's grammar: verbs, options, help, and how mistakes are told. */
import { workerVersion } from "@airlake/shared/version";
import { Command, CommanderError, Option } from "commander";

import { addIngest } from "./verbs/ingest.ts";
import { addQuarantine } from "./verbs/quarantine.ts";
import { addRm } from "./verbs/rm.ts";
import { addRun } from "./verbs/run.ts";
import { addSample } from "./verbs/sample.ts";
import { addSources } from "./verbs/sources.ts";
import { addStatus } from "./verbs/status.ts";
import type { ExitCode, VerbDeps } from "./verb.ts";

/** Adds one verb. `finish` is told how it ended. */
export type AddVerb = (program: Command, deps: VerbDeps, finish: (code: ExitCode) => void) => void;

const inOrder: readonly AddVerb[] = [addRun, addIngest, addRm, addSources, addQuarantine, addStatus, addSample];

const widest = 100;

/** Runs one command line (without `node` and the program's name). Throws what a verb throws. */
export async function runProgram(args: readonly string[], deps: VerbDeps): Promise<ExitCode> {
  let code: ExitCode = 0;
  const program = createProgram(deps);
  for (const add of inOrder) add(program, deps, (ended) => void (code = ended));
  if (args.length === 0) {
    program.outputHelp({ error: true });
    return 2;
  }
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
  return code;
}

function createProgram(deps: VerbDeps): Command {
  const { out } = deps;
  const program = new Command("airlake");
  // Set before verbs are added: they inherit it.
  program.exitOverride();
  program.configureOutput({
    writeOut: (text) => out.line(text.trimEnd()),
    writeErr: (text) => out.note(text.trimEnd()),
    getOutHelpWidth: () => Math.min(widest, out.columns),
    getErrHelpWidth: () => Math.min(widest, out.noteColumns),
    outputError: (text, write) => write(`airlake: ${text.replace(/^error: /, "")}`),
  });
  program.configureHelp({ showGlobalOptions: true });
  program.showHelpAfterError("Add --help to see what it takes, as in: airlake run --help");
  program.description(
    "An air-quality lake that runs itself: give it raw measurement files, ask it in SQL.\n" +
      "Every record is either in the lake or in quarantine with the reason why; nothing is lost in silence.",
  );
  program.version(workerVersion(), "--version", "print the version");
  program.helpOption("-h, --help", "explain the command, or a verb of it");
  program.helpCommand("help [verb]", "explain a verb");
  program.addOption(new Option("--lake <dir>", "the lake's folder").default("./lake"));
  program.addOption(new Option("--json", "print JSON for scripts instead of tables for people").default(false, ""));
  program.addOption(
    new Option("--debug", "show on stderr what goes on inside, and all of an error").default(false, ""),
  );
  program.commandsGroup("Verbs:");
  return program;
}
