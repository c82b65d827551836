/** `airlake quarantine`: the records that were not kept, each with its reasons and its text as delivered. */
import { type Command, InvalidArgumentError } from "commander";

import { examples } from "../examples.ts";
import { knownSource } from "../known-source.ts";
import { openAnyLake } from "../opened-lake.ts";
import { openQuarantine, readRecords } from "../quarantine-parts.ts";
import { printRecords } from "../quarantine-screen.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";
import { addQuarantineExport } from "./quarantine-export.ts";
import { addQuarantineLs } from "./quarantine-ls.ts";
import { addQuarantineRelease } from "./quarantine-release.ts";

interface ShowOptions extends LakeOptions {
  readonly record?: number;
  readonly reason?: string;
  readonly limit: number;
}

export function addQuarantine(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description(
      "Looks at the records that were not kept: how many for which reason, their text as delivered, all of them in a file.",
    )
    .addHelpText(
      "after",
      examples([
        ["airlake quarantine ls", "how many, by reason and source"],
        ["airlake quarantine show openaq/day.csv", "the records of one source"],
        ["airlake quarantine export bad-records.csv", "all of them, for a spreadsheet"],
      ]),
    );
  addQuarantineLs(verb, deps, finish);
  addShow(verb, deps, finish);
  addQuarantineExport(verb, deps, finish);
  addQuarantineRelease(verb, deps, finish);
}

function addShow(quarantine: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  quarantine
    .command("show")
    .summary("show quarantined records of a source as they were delivered")
    .description(
      "Shows quarantined records of one source: where they stand in it, every reason, and their text as delivered.",
    )
    .argument("<key>", "a key as `airlake sources` lists them")
    .option("--record <n>", "only the record with this number (from 1)", positive)
    .option("--reason <reason>", "only records with this reason")
    .option("--limit <n>", "at most so many", positive, 20)
    .addHelpText(
      "after",
      examples([
        ["airlake quarantine show openaq/day.csv", ""],
        ["airlake quarantine show openaq/day.csv --record 17", ""],
        ["airlake quarantine show openaq/day.csv --reason bad-timestamp --limit 3", ""],
      ]),
    )
    .action(async (key: string, _options: unknown, command: Command) => {
      finish(await show(deps, key, command.optsWithGlobals<ShowOptions>()));
    });
}

function positive(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number from 1.");
}

async function show(deps: VerbDeps, key: string, options: ShowOptions): Promise<ExitCode> {
  const { out } = deps;
  await using opened = await openAnyLake(options.lake, "read", deps.clock);
  const manifest = await knownSource(opened, key);
  await using parts = await openQuarantine(opened, [manifest]);
  const { record, reason, limit } = options;
  const records = await readRecords(parts, { record, reason, limit });
  if (options.json) out.line(JSON.stringify(records));
  else printRecords(out, records, { manifest, opened, filtered: record !== undefined || reason !== undefined });
  return 0;
}
