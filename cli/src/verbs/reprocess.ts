/** `airlake reprocess [PREFIX…]`: what was made under other rules is made again. */
import { type Command, InvalidArgumentError } from "commander";

import { CommandError } from "../command-error.ts";
import { defaultDataset, knownDatasets } from "../datasets.ts";
import { examples } from "../examples.ts";
import { openLake } from "../lake.ts";
import { folderOf } from "../opened-lake.ts";
import { type Reprocessed, reprocessSources, reprocessedText } from "../reprocess-sources.ts";
import { sayInterrupted, withServices } from "../session.ts";
import { counted, lasted, printable } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface ReprocessOptions extends LakeOptions {
  readonly rulePack?: number;
  readonly dataset?: string;
}

/** Rejected sources on the screen; more are a matter for `airlake sources`. */
const shownAtMost = 20;

export function addReprocess(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description(
      "Looks at the sources of the lake again: those that were made under another rule pack, another definition of their " +
        "dataset, another list of countries or another engine are made again; the others stay as they are. " +
        "Files that changed in the lake's raw folder are found too.",
    )
    .argument("[prefix...]", "only keys that begin so, as `airlake sources` lists them")
    .option("--rule-pack <n>", "first make this the rule pack of the dataset, from now on", rulePackNumber)
    .option("--dataset <name>", `only sources of this dataset (with --rule-pack: ${defaultDataset} unless given)`)
    .addHelpText(
      "after",
      examples(
        [
          ["airlake reprocess", "everything, after rules or definitions have changed"],
          ["airlake reprocess openaq/2018-02", "what begins so"],
          ["airlake reprocess --rule-pack 1", "go over to rule pack 1"],
        ],
        "Ends as `airlake run` does: with 0 when all are done or unchanged, with 1 when\none was rejected, with 2 when it could not run.",
      ),
    )
    .action(async (prefixes: readonly string[], _options: unknown, command: Command) => {
      finish(await reprocess(deps, prefixes, command.optsWithGlobals<ReprocessOptions>()));
    });
}

function rulePackNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number from 1.");
}

async function reprocess(deps: VerbDeps, prefixes: readonly string[], options: ReprocessOptions): Promise<ExitCode> {
  const startedMs = deps.clock.monotonicMs();
  const known = await knownDatasets();
  const { rulePack } = options;
  const dataset = options.dataset ?? (rulePack === undefined ? undefined : defaultDataset);
  if (dataset !== undefined) checkDataset(known, dataset, rulePack);
  const lake = await openLake(folderOf(options.lake, "reprocess"), "write");
  const wanted = { prefixes, dataset, rulePack, known: new Set(known.map(({ name }) => name)) };
  const ended = await withServices(deps, { lake, options }, async (session) => reprocessSources(session, wanted));
  if (ended.kind === "interrupted" || ended.value === undefined) {
    sayInterrupted(deps);
    return ended.kind === "interrupted" ? ended.exitCode : 130;
  }
  print(deps, ended.value, { options, seconds: (deps.clock.monotonicMs() - startedMs) / 1000 });
  if (rulePack !== undefined && prefixes.length > 0)
    deps.out.note(`The other sources of ${dataset} go over to rule pack ${rulePack} when they are looked at again.`);
  return ended.value.rejected.length > 0 ? 1 : 0;
}

function checkDataset(
  known: Awaited<ReturnType<typeof knownDatasets>>,
  dataset: string,
  rulePack: number | undefined,
): void {
  const definition = known.find(({ name }) => name === dataset);
  if (definition === undefined) {
    const names = known.map(({ name }) => name).join(", ");
    throw new CommandError(`There is no dataset ${printable(dataset)}.`, `There is: ${names}.`);
  }
  const packs = Object.keys(definition.rulePacks);
  if (rulePack === undefined || packs.includes(String(rulePack))) return;
  throw new CommandError(
    `The dataset ${dataset} has no rule pack ${rulePack}; it has ${packs.join(", ")}.`,
    `Add it to rulePacks in datasets/${dataset}/dataset.json first. Nothing was changed.`,
  );
}

function print(
  { out }: VerbDeps,
  done: Reprocessed,
  how: { readonly options: ReprocessOptions; readonly seconds: number },
): void {
  const { rejected } = done;
  if (how.options.json) {
    const rejections = rejected.map(({ key, reason }) => ({ key, reason }));
    const seconds = Math.round(how.seconds * 1000) / 1000;
    out.line(JSON.stringify({ ...done, rejected: rejected.length, rejections, seconds }));
    return;
  }
  if (done.sources === 0) return out.line("The lake has no sources that could be done again.");
  for (const { key, reason, detail } of rejected.slice(0, shownAtMost))
    out.line(
      `${out.style.red("rejected")} ${printable(key)} ${out.style.dim(`(${printable(reason)})`)} ${printable(detail)}`,
    );
  if (rejected.length > shownAtMost)
    out.line(out.style.dim(`… and ${counted(rejected.length - shownAtMost, "more", "more")}: airlake sources`));
  out.line(out.style.bold(`${reprocessedText(done)}, in ${lasted(how.seconds)}`));
}
