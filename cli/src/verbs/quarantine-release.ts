/** `airlake quarantine release --rule-pack N`: which records another rule pack would release, and doing it. */
import { loadDatasets } from "@airlake/shared/load-dataset";
import { type Command, InvalidArgumentError } from "commander";

import { beginAudit } from "../audit.ts";
import { awsPrefixOf } from "../aws-lake.ts";
import { CommandError } from "../command-error.ts";
import { defaultDataset } from "../datasets.ts";
import { datasetsFolder } from "../embedded.ts";
import { examples } from "../examples.ts";
import { typed } from "../hint.ts";
import { placeOf, readEntries } from "../ledger.ts";
import { openLake } from "../lake.ts";
import { openAnyLake } from "../opened-lake.ts";
import { createProgress } from "../progress.ts";
import { type Plan, type PlannedSource, planRelease } from "../quarantine-release.ts";
import { askForSources, reprocessSources } from "../reprocess-sources.ts";
import { sayInterrupted, withServices } from "../session.ts";
import { renderTable } from "../table.ts";
import { counted, grouped, printable } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface ReleaseOptions extends LakeOptions {
  readonly rulePack: number;
  readonly dataset: string;
  readonly yes: boolean;
  readonly plan?: string;
}

/** Sources on the screen; `--json` has all. */
const shownAtMost = 20;

export function addQuarantineRelease(quarantine: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  quarantine
    .command("release")
    .summary("go over to another rule pack, seeing first what it would keep")
    .description(
      "Tries another rule pack on every source, and says which records would be kept that are quarantined now, and back. " +
        "With --yes the pack becomes the dataset's, and its sources are done again.",
    )
    .requiredOption("--rule-pack <n>", "the rule pack", positive)
    .option("--dataset <name>", "whose sources", defaultDataset)
    .option("--yes", "do it, after planning it", false)
    .option("--plan <hash>", "with --yes: only if the plan is still the one with this hash")
    .addHelpText(
      "after",
      examples([
        ["airlake quarantine release --rule-pack 2", "the plan; nothing is changed"],
        ["airlake quarantine release --rule-pack 2 --yes --plan 0a1b2c3d4e5f", "exactly that plan"],
        ["airlake quarantine release --rule-pack 1 --yes", "back to where it was"],
      ]),
    )
    .action(async (_options: unknown, command: Command) => {
      finish(await release(deps, command.optsWithGlobals<ReleaseOptions>()));
    });
}

function positive(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number from 1.");
}

async function release(deps: VerbDeps, options: ReleaseOptions): Promise<ExitCode> {
  const plan = await makePlan(deps, options);
  if (plan === "interrupted") return 130;
  if (options.plan !== undefined && options.plan !== plan.hash)
    throw new CommandError(
      `The plan is not ${printable(options.plan)} any more, but ${plan.hash}: sources or rules have changed since.`,
      "Look at it again, without --yes. Nothing was changed.",
    );
  if (!options.yes) {
    if (options.json) deps.out.line(JSON.stringify(plan));
    else printPlan(deps, plan, options);
    return 0;
  }
  if (!options.json) printPlan(deps, plan, options);
  await leaveRecord(deps, plan, options);
  return carryOut(deps, plan, options);
}

/** Written before anything is changed: a change of rules is told by whom and when, also where it was interrupted. */
async function leaveRecord({ clock }: VerbDeps, plan: Plan, { lake, dataset }: ReleaseOptions): Promise<void> {
  await using opened = await openAnyLake(lake, "write", clock);
  const filter = { dataset, rulePack: String(plan.rulePack) };
  const intended = { action: "quarantine-release", filter, planHash: plan.hash, items: [] };
  const audit = await beginAudit(placeOf(opened), clock, intended);
  await audit.end("done", `${counted(plan.released, "record")} to be released, ${grouped(plan.back)} back`);
}

async function makePlan(
  deps: VerbDeps,
  { lake, dataset: name, rulePack }: ReleaseOptions,
): Promise<Plan | "interrupted"> {
  const datasets = await loadDatasets(datasetsFolder());
  const dataset = datasets.get(name);
  if (dataset === undefined)
    throw new CommandError(`There is no dataset ${printable(name)}.`, `There is: ${[...datasets.keys()].join(", ")}.`);
  const packs = Object.keys(dataset.definition.rulePacks);
  if (!packs.includes(String(rulePack)))
    throw new CommandError(
      `The dataset ${name} has no rule pack ${rulePack}; it has ${packs.join(", ")}.`,
      `Add it to rulePacks in datasets/${name}/dataset.json first. Nothing was changed.`,
    );
  using interruption = deps.interruption();
  const { signal } = interruption;
  await using opened = await openAnyLake(lake, "write", deps.clock);
  using progress = createProgress(deps.out, deps.clock);
  const tick = async (text: () => string): Promise<void> => progress.tick(text);
  try {
    return await planRelease({ opened, dataset, rulePack, signal, tick });
  } catch (error) {
    if (!signal.aborted) throw error;
    return "interrupted";
  }
}

function printPlan({ out }: VerbDeps, plan: Plan, { lake, dataset, yes }: ReleaseOptions): void {
  const { changing, released, back, rulePack, sources } = plan;
  const rows = changing
    .slice(0, shownAtMost)
    .map((one) => [printable(one.key), grouped(one.keptNow), ...changeOf(one)]);
  const columns = [
    { title: "source", shrinks: true },
    { title: "kept now", align: "right" as const },
    { title: "released", align: "right" as const },
    { title: "back", align: "right" as const },
    { title: "kept then", align: "right" as const },
  ];
  if (rows.length > 0) {
    for (const text of renderTable(columns, rows, { width: out.columns, title: out.style.dim })) out.line(text);
    if (changing.length > shownAtMost)
      out.line(out.style.dim(`… and ${counted(changing.length - shownAtMost, "more", "more")}: --json has all`));
    out.line();
  }
  out.line(
    out.style.bold(
      `Rule pack ${rulePack} would release ${counted(released, "record")} and quarantine ${grouped(back)} that are kept now, in ${grouped(changing.length)} of ${counted(sources, "source")}. Plan ${plan.hash}`,
    ),
  );
  if (yes) return;
  const command = `airlake quarantine release --rule-pack ${rulePack} --dataset ${dataset} --yes --plan ${plan.hash}`;
  out.line(`Nothing was changed. To do it: ${typed(command, lake)}`);
}

function changeOf({ released, back, keptThen, rejected }: PlannedSource): readonly string[] {
  return rejected === undefined
    ? [grouped(released), grouped(back), grouped(keptThen)]
    : ["–", "–", `rejected: ${printable(rejected)}`];
}

async function carryOut(deps: VerbDeps, plan: Plan, options: ReleaseOptions): Promise<ExitCode> {
  const { out } = deps;
  const { dataset, rulePack } = options;
  const wanted = { prefixes: [], dataset, rulePack, known: new Set([dataset]) };
  if (awsPrefixOf(options.lake) !== undefined) {
    await using opened = await openAnyLake(options.lake, "write", deps.clock);
    using interruption = deps.interruption();
    using progress = createProgress(out, deps.clock);
    const asked = await askForSources({ opened, progress, signal: interruption.signal }, wanted);
    // Its plan would be empty: that is the proof.
    const verify = typed(`airlake quarantine release --rule-pack ${rulePack} --dataset ${dataset}`, options.lake);
    if (options.json) out.line(JSON.stringify({ ...plan, asked: asked.size, verify }));
    else {
      out.line(`The cleaner is asked to do ${counted(asked.size, "source")} again by rule pack ${rulePack}.`);
      out.line(
        `When its queue is empty (${typed("airlake status", options.lake)}), this has nothing to release and nothing back: ${verify}`,
      );
    }
    return 0;
  }
  const run = { lake: await openLake(options.lake, "write"), options };
  const ended = await withServices(deps, run, async (session) => {
    const done = await reprocessSources(session, wanted);
    return done === undefined ? undefined : { done, off: await notAsPlanned(session.opened, plan) };
  });
  if (ended.kind === "interrupted" || ended.value === undefined) {
    sayInterrupted(deps);
    return ended.kind === "interrupted" ? ended.exitCode : 130;
  }
  const { done, off } = ended.value;
  if (options.json) out.line(JSON.stringify({ ...plan, done: done.done, notAsPlanned: off }));
  else if (off.length === 0)
    out.line(out.style.bold(`Done as planned: ${counted(done.done, "source")} made again by rule pack ${rulePack}.`));
  else {
    const see = typed("airlake sources", options.lake);
    out.line(out.style.red(`Not as planned: ${off.map(printable).join(", ")}. See: ${see}`));
  }
  return off.length === 0 ? 0 : 1;
}

/** Sources that did not become what the plan said. */
async function notAsPlanned(
  opened: Parameters<typeof placeOf>[0],
  { changing, rulePack }: Plan,
): Promise<readonly string[]> {
  const planned = changing.filter(({ rejected }) => rejected === undefined);
  const keys = planned.map(({ key }) => key);
  const entries = await readEntries(placeOf(opened), opened.topology.buckets.raw, keys);
  return planned.flatMap(({ key, keptThen, quarantinedThen }) => {
    const cleaner = entries.get(key)?.cleaner;
    const { kept, quarantined } = cleaner?.counts ?? { kept: 0, quarantined: 0 };
    return cleaner?.rulePack === rulePack && kept === keptThen && quarantined === quarantinedThen ? [] : [key];
  });
}
