/** `airlake demo`: a generated day through the whole pipeline, and a question to it. What `npm start` runs. */
import { existsSync } from "node:fs";
import type { Command } from "commander";

import { defaultDataset, knownDatasets } from "../datasets.ts";
import { examples } from "../examples.ts";
import { sizeOnDisk } from "../lake.ts";
import { tableLines } from "../query/format-table.ts";
import { openQuery } from "../query/open-query.ts";
import { truthPath } from "../sample/generate.ts";
import { shellWord, sized } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";
import { run } from "./run.ts";
import { makeSample, sampleDefaults } from "./sample.ts";

const folder = "sample";

/** Flags tell what is kept but doubtful: such values would spoil a mean. */
const question = `SELECT country_name, count(*) AS measurements,
       round(avg(value), 1) AS mean_pm25, any_value(unit) AS unit
FROM measurements
WHERE parameter = 'pm25' AND NOT list_contains(flags, 'above-limit')
GROUP BY country_name HAVING count(*) >= 20
ORDER BY mean_pm25 DESC
LIMIT 8`;

export function addDemo(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description(
      "Generates a day of measurements into ./sample (unless it is there), runs it through the whole pipeline " +
        "into the lake, prints what became of every record, and asks the lake a question.",
    )
    .addHelpText(
      "after",
      examples([
        ["airlake demo", ""],
        ["airlake demo --lake elsewhere", ""],
      ]),
    )
    .action(async (_options: unknown, command: Command) => {
      finish(await demo(deps, command.optsWithGlobals<LakeOptions>()));
    });
}

async function demo(deps: VerbDeps, options: LakeOptions): Promise<ExitCode> {
  const { out } = deps;
  const say = (text: string): void => {
    if (options.json) out.note(text);
    else out.line(text);
  };
  // The truth is written last: without it the sample is not whole.
  if (existsSync(truthPath(folder))) say(`A generated day of measurements lies in ./${folder}.`);
  else {
    say(`Generating a day of measurements into ./${folder}, with defects planted among the records …`);
    await makeSample({ folder, ...sampleDefaults, badFiles: false });
  }
  say(`Running it through the pipeline into ${options.lake} …`);
  if (!options.json) out.line();
  const code = await run(deps, [folder], { ...options, dataset: defaultDataset });
  if (options.json || code !== 0) return code;
  await ask(deps, options);
  await sayWhatNext(deps, options);
  return 0;
}

async function ask(deps: VerbDeps, options: LakeOptions): Promise<void> {
  const { out } = deps;
  using interruption = deps.interruption();
  const datasets = await knownDatasets();
  await using asked = await openQuery({ lake: options.lake, datasets, clock: deps.clock }, interruption.signal);
  const lines = await tableLines(await asked.run(question, interruption.signal), {
    width: out.columns,
    title: out.style.dim,
  });
  out.line();
  out.line(out.style.bold("A question to the lake: where was the most fine dust (PM2.5)?"));
  out.line();
  for (const text of question.split("\n")) out.line(out.style.dim(`  ${text}`));
  out.line();
  // The last line only counts the rows.
  for (const text of lines.slice(0, -1)) out.line(text);
}

async function sayWhatNext({ out }: VerbDeps, options: LakeOptions): Promise<void> {
  const lake = options.lake === "./lake" ? "" : ` --lake ${shellWord(options.lake)}`;
  const next: readonly (readonly [string, string])[] = [
    [`npx airlake query "DESCRIBE measurements"${lake}`, "what you can ask for"],
    [`npx airlake quarantine ls${lake}`, "what was not kept, and why"],
    [`npx airlake run YOUR_FILES${lake}`, "your own files"],
    ["npx airlake --help", "everything else"],
  ];
  const width = Math.max(...next.map(([command]) => command.length));
  const size = sized(await sizeOnDisk(options.lake));
  out.line();
  out.line(`The lake lies in ${options.lake}: plain files, ${size}. What to type next:`);
  out.line();
  for (const [command, what] of next) out.line(`  ${command.padEnd(width)}  ${out.style.dim(what)}`);
}
