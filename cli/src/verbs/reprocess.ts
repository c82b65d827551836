/** `airlake reprocess [PREFIX…]`: what was made under other rules is made again. */
import { type Command, InvalidArgumentError } from "commander";

import { awsPrefixOf } from "../aws-lake.ts";
import { CommandError } from "../command-error.ts";
import { defaultDataset, knownDatasets } from "../datasets.ts";
import { examples } from "../examples.ts";
import { typed } from "../hint.ts";
import { openLake } from "../lake.ts";
import { openAnyLake } from "../opened-lake.ts";
import { createProgress } from "../progress.ts";
import {
  type Reprocessed,
  type Wanted,
  askForSources,
  reprocessSources,
  reprocessedText,
} from "../reprocess-sources.ts";
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
        "Ends as `airlake run` does: with 0 when all are done or unchanged, with 1 when\none was rejected, with 2 when it could not run. The services of an aws: lake are\nasked, and not waited for.",
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
  const wanted = { prefixes, dataset, rulePack, known: new Set(known.map(({ name }) => name)) };
  if (awsPrefixOf(options.lake) !== undefined) return ask(deps, wanted, options);
  const lake = await openLake(options.lake, "write");
  const ended = await withServices(deps, { lake, options }, async (session) => reprocessSources(session, wanted));
  if (ended.kind === "interrupted" || ended.value === undefined) {
    sayInterrupted(deps);
    return ended.kind === "interrupted" ? ended.exitCode : 130;
  }
  print(deps, ended.value, { options, seconds: (deps.clock.monotonicMs() - startedMs) / 1000 });
  sayOfOthers(deps, wanted);
  return ended.value.rejected.length > 0 ? 1 : 0;
}

/** Where services run by themselves: they are asked, and not waited for, because nothing tells when they have looked at all. */
async function ask(deps: VerbDeps, wanted: Wanted, options: ReprocessOptions): Promise<ExitCode> {
  const { out } = deps;
  await using opened = await openAnyLake(options.lake, "write", deps.clock);
  using interruption = deps.interruption();
  using progress = createProgress(out, deps.clock);
  const asked = await askForSources({ opened, progress, signal: interruption.signal }, wanted);
  progress[Symbol.dispose]();
  if (options.json) out.line(JSON.stringify({ asked: asked.size }));
  else if (asked.size === 0) out.line("The lake has no sources that could be done again.");
  else {
    out.line(out.style.bold(`The cleaner is asked to look at ${counted(asked.size, "source")}`));
    out.line(out.style.dim(`how far it is: ${typed("airlake status --watch", opened.shown)}`));
  }
  if (interruption.signal.aborted) {
    sayInterrupted(deps);
    return interruption.exitCode();
  }
  sayOfOthers(deps, wanted);
  return 0;
}

function sayOfOthers({ out }: VerbDeps, { rulePack, prefixes, dataset }: Wanted): void {
  if (rulePack !== undefined && prefixes.length > 0)
    out.note(`The other sources of ${dataset} go over to rule pack ${rulePack} when they are looked at again.`);
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
    out.line(
      out.style.dim(
        `… and ${counted(rejected.length - shownAtMost, "more", "more")}: ${typed("airlake sources", how.options.lake)}`,
      ),
    );
  out.line(out.style.bold(`${reprocessedText(done)}, in ${lasted(how.seconds)}`));
}
