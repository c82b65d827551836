/** `airlake sample DIR`: a generated day of measurements, with the truth about it. */
import { join } from "node:path";
import { codeOf } from "@airlake/shared/errors";
import { type Command, InvalidArgumentError } from "commander";

import { CommandError } from "../command-error.ts";
import { examples } from "../examples.ts";
import { type SampleOptions as SampleGeneration, generateSample, truthPath } from "../sample/generate.ts";
import type { SampleTruth } from "../sample/truth.ts";
import { counted, grouped, shellWord } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface SampleOptions extends LakeOptions {
  readonly seed: number;
  readonly records: number;
  readonly date: string;
  readonly badFiles: boolean;
}

/** What `airlake sample` and the demo make when nobody says otherwise. */
export const sampleDefaults = { seed: 1, records: 20_000, date: "2024-05-14" } as const;

export function addSample(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description(
      "Writes files of one generated day: every format, with defects of every kind planted among the records. " +
        "The truth about them (what is to be kept, quarantined, flagged) is written beside the folder as JSON.",
    )
    .argument("<dir>", "the folder to write; made if it is not there")
    .option("--seed <n>", "the same seed gives the same files", wholeNumber, sampleDefaults.seed)
    .option("--records <n>", "about how many records", wholeNumber, sampleDefaults.records)
    .option("--date <day>", "the day, as 2018-02-06", sampleDefaults.date)
    .option("--bad-files", "add broken files: truncated, empty, binary, a gzip bomb, …", false)
    .addHelpText(
      "after",
      examples([
        ["airlake sample sample", ""],
        ["airlake sample big --records 1000000 --seed 7", ""],
        ["airlake sample odd --bad-files && airlake run odd", "see how broken files are told"],
      ]),
    )
    .action(async (folder: string, _options: unknown, command: Command) => {
      finish(await sample(deps, folder, command.optsWithGlobals<SampleOptions>()));
    });
}

async function sample({ out }: VerbDeps, folder: string, options: SampleOptions): Promise<ExitCode> {
  const { seed, records, date, badFiles } = options;
  const truth = await makeSample({ folder, seed, records, date, badFiles });
  if (options.json) {
    out.line(
      JSON.stringify({
        folder,
        truth: truthPath(folder),
        files: truth.files.length,
        badFiles: truth.badFiles.length,
        totals: truth.totals,
      }),
    );
    return 0;
  }
  const { read, kept, quarantined } = truth.totals;
  const bad = truth.badFiles.length === 0 ? "" : ` and ${counted(truth.badFiles.length, "broken file")}`;
  out.line(
    `${counted(truth.files.length, "file")}${bad} in ${folder}: ${grouped(read)} records, of which ${grouped(kept)} are to be kept and ${grouped(quarantined)} quarantined`,
  );
  out.line(out.style.dim(`the truth about each: ${truthPath(folder)}`));
  out.line(`next: airlake run ${shellWord(join(folder))}`);
  return 0;
}

/** Generates the sample. Throws CommandError for options that it does not take, and for a folder that holds other files. */
export async function makeSample(options: SampleGeneration): Promise<SampleTruth> {
  try {
    return await generateSample(options);
  } catch (error) {
    if (codeOf(error) === "EEXIST" || codeOf(error) === "ENOTDIR") {
      throw new CommandError(`${options.folder} is a file, or lies in one.`, "Give a folder.", { cause: error });
    }
    // What the generator itself throws are sentences about the options; the disk's errors have a code.
    if (!(error instanceof Error) || codeOf(error) !== undefined) throw error;
    throw new CommandError(error.message, "See: airlake sample --help", { cause: error });
  }
}

/** A whole number as commander takes one. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}
