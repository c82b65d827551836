/** `airlake fuse`: what stopped a mass retraction, and an operator's word about it. */
import type { Fuse } from "@airlake/shared/contracts/fuse";
import { mendFuse, passAt, permitRetractions, sumOf } from "@airlake/shared/stage/fuse";
import { type Command, InvalidArgumentError } from "commander";

import { beginAudit } from "../audit.ts";
import { CommandError } from "../command-error.ts";
import { callerIn } from "../config.ts";
import { defaultDataset, knownDatasets } from "../datasets.ts";
import { examples } from "../examples.ts";
import { fusePlaceOf, readFuses } from "../fuses.ts";
import { typed } from "../hint.ts";
import { placeOf } from "../ledger.ts";
import { type OpenedLake, openAnyLake } from "../opened-lake.ts";
import { counted, grouped, printable, shortTime } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface FuseOptions extends LakeOptions {
  readonly dataset: string;
  readonly hours: number;
  readonly because: string;
}

export function addFuse(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description(
      "When very many sources vanish from raw within an hour, no more are taken out of the lake until an operator says that " +
        "they may be: a wrong or emptied bucket must not empty the lake. Nothing is lost meanwhile, and nothing is parked: " +
        "the messages wait. Files that come back are simply kept. What `airlake rm` removes is never held back.",
    )
    .addHelpText(
      "after",
      examples(
        [
          ["airlake fuse", "is it blown?"],
          ["airlake reconcile --quick", "which sources are gone from raw"],
          ['airlake fuse pass 300 --because "2017 was withdrawn"', "let 300 of them go"],
          ['airlake fuse mend --because "the bucket is whole again"', "they came back"],
        ],
        "Ends with 1 while a fuse is blown.",
      ),
    )
    .action(async (_options: unknown, command: Command) => {
      finish(await show(deps, command.optsWithGlobals<FuseOptions>()));
    });
  withReason(verb.command("pass").summary("let so many sources be taken out of the lake, and mend the fuse"))
    .argument("<n>", "how many, at most", positive)
    .option("--hours <n>", "for so long", positive, 1)
    .action(async (retractions: number, _options: unknown, command: Command) => {
      finish(await speak(deps, command.optsWithGlobals<FuseOptions>(), retractions));
    });
  withReason(verb.command("mend").summary("mend the fuse: what vanished came back, or may go a few at a time")).action(
    async (_options: unknown, command: Command) => {
      finish(await speak(deps, command.optsWithGlobals<FuseOptions>(), undefined));
    },
  );
}

function withReason(command: Command): Command {
  return command
    .description(`${command.summary().replace(/^./, (first) => first.toUpperCase())}.`)
    .option("--dataset <name>", "whose fuse", defaultDataset)
    .requiredOption("--because <reason>", "why, for the audit record");
}

function positive(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number from 1.");
}

async function show(deps: VerbDeps, options: FuseOptions): Promise<ExitCode> {
  await using opened = await openAnyLake(options.lake, "read", deps.clock);
  const fuses = await readFuses(opened);
  if (options.json) deps.out.line(JSON.stringify(fuses));
  else for (const fuse of fuses) print(deps, fuse, options);
  return fuses.some(({ blown }) => blown !== null) ? 1 : 0;
}

function print({ out, clock }: VerbDeps, fuse: Fuse, options: FuseOptions): void {
  const { blown, dataset } = fuse;
  const pass = passAt(fuse, clock.now());
  if (blown === null) {
    out.line(`${printable(dataset)}: whole; ${counted(sumOf(fuse), "source")} taken out within the last hour`);
  } else {
    out.line(
      out.style.red(
        `${printable(dataset)}: BLOWN since ${shortTime(blown.at)} UTC, after ${grouped(blown.retractions)} of ${counted(blown.sources, "source")} were taken out within an hour`,
      ),
    );
    out.line(`  See what is gone from raw:  ${typed("airlake reconcile --quick", options.lake)}`);
    out.line(`  It is right that they go:   ${typed('airlake fuse pass N --because "…"', options.lake)}`);
    out.line(`  It is not: put them back, then ${typed('airlake fuse mend --because "…"', options.lake)}`);
  }
  if (pass !== undefined)
    out.line(`  ${grouped(pass.left)} more may go until ${shortTime(pass.until)} UTC (${printable(pass.by)})`);
}

/** An operator's word: so many may go, or none but the fuse is whole. */
async function speak(deps: VerbDeps, options: FuseOptions, retractions: number | undefined): Promise<ExitCode> {
  const names = (await knownDatasets()).map(({ name }) => name);
  if (!names.includes(options.dataset))
    throw new CommandError(`There is no dataset ${printable(options.dataset)}.`, `There is: ${names.join(", ")}.`);
  await using opened = await openAnyLake(options.lake, "write", deps.clock);
  const fuse = await audited(opened, options, retractions, async () =>
    retractions === undefined
      ? mendFuse(fusePlaceOf(opened), options.dataset)
      : permitRetractions(fusePlaceOf(opened), options.dataset, {
          retractions,
          forMs: options.hours * 3_600_000,
          by: callerIn().user,
          mends: true,
        }),
  );
  if (options.json) deps.out.line(JSON.stringify(fuse));
  else {
    print(deps, fuse, options);
    deps.out.line("What waits on the queue comes again within a quarter of an hour.");
  }
  return 0;
}

async function audited(
  opened: OpenedLake,
  { dataset, because, hours }: FuseOptions,
  retractions: number | undefined,
  act: () => Promise<Fuse>,
): Promise<Fuse> {
  const filter = { dataset, ...(retractions === undefined ? {} : { pass: String(retractions), hours: String(hours) }) };
  const action = retractions === undefined ? "fuse-mend" : "fuse-pass";
  const audit = await beginAudit(placeOf(opened), opened.clock, { action, filter, because, items: [] });
  try {
    const fuse = await act();
    await audit.end("done");
    return fuse;
  } catch (error) {
    await audit.end("failed", String(error));
    throw error;
  }
}
