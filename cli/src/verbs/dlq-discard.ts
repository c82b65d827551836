/** `airlake dlq discard`: dead messages are deleted, after their plan was seen, with the reason why. */
import type { AuditRecord } from "@airlake/shared/contracts/audit";
import type { Command } from "commander";

import { CommandError } from "../command-error.ts";
import { addFilter } from "../dlq/filter.ts";
import { positive } from "../dlq/numbers.ts";
import {
  type OperateOptions,
  type Operation,
  type Running,
  audited,
  checkPlan,
  select,
  showPlan,
} from "../dlq/operate.ts";
import { discardMessages } from "../dlq/perform.ts";
import { releaseOthers } from "../dlq/look.ts";
import { printDone } from "../dlq/plan-screen.ts";
import { examples } from "../examples.ts";
import { openAnyLake } from "../opened-lake.ts";
import { createProgress } from "../progress.ts";
import { counted, grouped } from "../text.ts";
import type { ExitCode, VerbDeps } from "../verb.ts";

interface DiscardOptions extends OperateOptions {
  readonly because: string;
  readonly queued: boolean;
}

/** Messages a second: deleting asks nothing of the services. */
const rate = 1000;

export function addDlqDiscard(dlq: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  const verb = dlq
    .command("discard")
    .summary("delete dead messages: first the plan, then with --yes")
    .description(
      "Deletes dead messages for good. Their failure records stay, and the audit says who did it and why. Without --yes it only " +
        "shows what it would delete.",
    )
    .requiredOption("--because <why>", "the reason, for whoever asks later");
  addFilter(verb, () => deps.clock.now())
    .option("--limit <n>", "at most so many, the oldest first", positive)
    .option("--queued", "from the queues of the services: messages that are not dead but wait (see dlq ls)", false)
    .option("--yes", "do it", false)
    .option("--plan <hash>", "with --yes: the plan that you have seen")
    .option("--force", "also more than 1,000 messages", false)
    .addHelpText(
      "after",
      examples(
        [
          ['airlake dlq discard --reason unknown-dataset --because "test files"', ""],
          ['airlake dlq discard --id 3fa9c17e --because "a duplicate of #12"', ""],
          ['airlake dlq discard --queued --stage ingestor --id 66d06cdf --because "newer one came"', ""],
        ],
        "The sources stay as they are: to take one out of the lake, airlake rm.",
      ),
    )
    .action(async (_options: unknown, command: Command) => {
      finish(await discard(deps, command.optsWithGlobals<DiscardOptions>()));
    });
}

async function discard(deps: VerbDeps, options: DiscardOptions): Promise<ExitCode> {
  const { because } = options;
  if (because.trim() === "") throw new CommandError("--because wants a reason.", "Say why, in a few words.");
  const more = ["--because", because, ...(options.queued ? ["--queued"] : [])];
  const operation: Operation = { action: options.queued ? "drop" : "discard", verb: "discard", more, because };
  using interruption = deps.interruption();
  await using opened = await openAnyLake(options.lake, options.yes ? "write" : "read", deps.clock);
  const running = { opened, signal: interruption.signal };
  if (!options.yes) {
    await showPlan(deps, { ...(await select(running, options, operation)), opened }, options, operation);
    return 0;
  }
  const record = await execute(deps, running, options, operation);
  if (options.json) {
    const { id, outcome, counts } = record;
    deps.out.line(JSON.stringify({ discard: id, outcome, counts }));
  } else printDone(deps.out, record, operation.action);
  if (interruption.signal.aborted) return interruption.exitCode();
  return (record.counts["discarded"] ?? 0) === record.items.length ? 0 : 1;
}

async function execute(
  deps: VerbDeps,
  running: Running,
  options: DiscardOptions,
  operation: Operation,
): Promise<AuditRecord> {
  const selection = await select(running, options, operation);
  const { look, items } = selection;
  try {
    checkPlan(selection, options, operation);
  } catch (error) {
    await releaseOthers(look);
    throw error;
  }
  using progress = createProgress(deps.out, deps.clock);
  const onStep = async (through: number): Promise<void> =>
    progress.tick(() => `deleted ${grouped(through)} of ${counted(items.length, "message")}`);
  return await audited(running, selection, { options, operation }, async (audit) => {
    await discardMessages({ ...running, look, audit, rate, onStep }, items);
    return undefined;
  });
}
