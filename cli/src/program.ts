/** The command's grammar: verbs, options, help, and how mistakes are told. */
import { workerVersion } from "@airlake/shared/version";
import { Command, CommanderError, Help, Option, type OutputConfiguration } from "commander";

import { lakeIn } from "./config.ts";
import { examples } from "./examples.ts";
import type { ExitCode, VerbDeps } from "./verb.ts";
import { type VerbEntry, verbs } from "./verbs.ts";

/** Help is at most so wide: longer lines are hard to read. */
const widest = 100;

/** Runs one command line (without `node` and the program's name). Throws what a verb throws. */
export async function runProgram(given: readonly string[], deps: VerbDeps): Promise<ExitCode> {
  // `airlake help run` is what many type first.
  const args = given[0] === "help" ? [...given.slice(1), "--help"] : given;
  const program = createProgram(deps);
  if (args.length === 0) {
    program.outputHelp({ error: true });
    return 2;
  }
  const finish = (code: ExitCode): void => void (ended = code);
  let ended: ExitCode = 0;
  try {
    for (const entry of verbs) if (args.includes(entry.name)) await define(program, entry, deps, finish);
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
  return ended;
}

async function define(
  program: Command,
  entry: VerbEntry,
  deps: VerbDeps,
  finish: (code: ExitCode) => void,
): Promise<void> {
  const verb = program.commands.find((command) => command.name() === entry.name);
  if (verb !== undefined) (await entry.load())(verb, deps, finish);
}

function createProgram(deps: VerbDeps): Command {
  const program = new Command("airlake");
  // Set before verbs are added: they inherit it.
  program.exitOverride();
  program.configureOutput(outputOf(deps));
  program.configureHelp({
    showGlobalOptions: true,
    // Default values that are told by the text itself, or are "no", only take room.
    optionDescription: (option) =>
      option.defaultValue === false
        ? option.description
        : Help.prototype.optionDescription.call(program.createHelp(), option),
    // The root's own come after its verbs, in the text below them.
    visibleOptions: (command) =>
      command.parent === null ? [] : Help.prototype.visibleOptions.call(program.createHelp(), command),
    subcommandTerm: (command) => [command.name(), takesOf(command)].filter((part) => part !== "").join(" "),
  });
  program.showHelpAfterError("For what it takes, add --help.");
  program.usage("VERB [options]");
  program.description(
    "An air-quality lake that runs itself: give it raw measurement files, ask it in SQL. " +
      "Every record is either in the lake or in quarantine with the reason why; none is lost unseen.",
  );
  program.version(workerVersion(), "--version", "print the version");
  program.helpOption("-h, --help", "explain the command, or a verb of it");
  program.helpCommand(false);
  program.addOption(
    new Option("--lake <dir>", "the lake's folder, or aws:PREFIX (also as AIRLAKE_LAKE)").default(lakeIn()),
  );
  program.addOption(new Option("--json", "print JSON for scripts, not tables for people").default(false));
  program.addOption(new Option("--debug", "show on stderr what goes on inside, and all of an error").default(false));
  for (const { name, summary, group } of verbs) program.command(name).summary(summary).helpGroup(group);
  program.addHelpText("after", () => afterVerbs(program));
  return program;
}

function afterVerbs(program: Command): string {
  const help = program.createHelp();
  const options = program.options.map((option) => [option.flags, help.optionDescription(option)] as const);
  const width = Math.max(...options.map(([flags]) => flags.length));
  return [
    "",
    "For every verb:",
    ...options.map(([flags, description]) => `  ${flags.padEnd(width)}  ${description}`),
    rootExamples,
  ].join("\n");
}

const rootExamples = examples(
  [
    ["airlake demo", "see the whole of it in a minute"],
    ["airlake run data/*.csv.gz", "your own files"],
    ['airlake query "DESCRIBE measurements"', "what you can ask for"],
    ["airlake run --help", "all about one verb"],
  ],
  "In a clone of the project, type: npx airlake …",
);

function takesOf(command: Command): string {
  const known = verbs.find(({ name }) => name === command.name());
  if (known !== undefined && command.parent?.parent === null) return known.takes;
  return command.registeredArguments.map((argument) => argument.name().toUpperCase()).join(" ");
}

function outputOf({ out }: VerbDeps): OutputConfiguration {
  return {
    writeOut: (text) => out.line(text.trimEnd()),
    writeErr: (text) => out.note(text.trimEnd()),
    getOutHelpWidth: () => Math.min(widest, out.columns),
    getErrHelpWidth: () => Math.min(widest, out.noteColumns),
    outputError: (text, write) => write(`airlake: ${text.replace(/^error: /, "")}`),
  };
}
