/** `airlake dlq replay`: dead messages are sent again, after their plan was seen. */
import type { AuditRecord } from "@airlake/shared/contracts/audit";
import { queueRoles } from "@airlake/shared/contracts/topology";
import type { Command } from "commander";

import { awsPrefixOf } from "../aws-lake.ts";
import { type Fate, type SentMessage, createFates, fateCounts } from "../dlq/fates.ts";
import { addFilter } from "../dlq/filter.ts";
import { positive } from "../dlq/numbers.ts";
import {
  type OperateOptions,
  type Operation,
  type Running,
  type Selection,
  audited,
  byPerson,
  checkPlan,
  select,
  showPlan,
} from "../dlq/operate.ts";
import { type Performing, type Sent, pause, renewAll, replayMessages } from "../dlq/perform.ts";
import { printDone, printFates } from "../dlq/plan-screen.ts";
import { examples } from "../examples.ts";
import { typed } from "../hint.ts";
import { openLake } from "../lake.ts";
import { openAnyLake } from "../opened-lake.ts";
import { type Progress, createProgress } from "../progress.ts";
import { withServices } from "../session.ts";
import { counted, grouped } from "../text.ts";
import type { ExitCode, VerbDeps } from "../verb.ts";

interface ReplayOptions extends OperateOptions {
  readonly rate: number;
  readonly canary?: number;
  readonly canaryWait: number;
}

export function addDlqReplay(dlq: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  const verb = dlq
    .command("replay")
    .summary("send dead messages again: first the plan, then with --yes")
    .description(
      "Sends dead messages to the queue they came from. Without --yes it only shows what it would send, and what has become of " +
        "their sources. A replayed message is tried also where its source was rejected before with the very same content.",
    );
  addFilter(verb, () => deps.clock.now())
    .option("--limit <n>", "at most so many, the oldest first", positive)
    .option("--rate <n>", "messages a second", positive, 10)
    .option("--canary <n>", "first so many; the others only when none of these dies again", positive)
    .option("--canary-wait <seconds>", "so long for the canaries' outcome", positive, 300)
    .option("--yes", "do it", false)
    .option("--plan <hash>", "with --yes: the plan that you have seen")
    .option("--force", "also more than 1,000 messages", false)
    .addHelpText(
      "after",
      examples(
        [
          ["airlake dlq replay --reason truncated-gzip", "the plan"],
          ["airlake dlq replay --reason truncated-gzip --yes --plan 3fa9c17e02bd", "do it"],
          ["airlake dlq replay --stage cleaner --canary 5", "the plan, five first"],
        ],
        "A message is sent before it is deleted, so that none is lost: should the command be\nkilled in between, it is there twice, which does no harm. Ends with 1 when some\n" +
          "could not be sent or, as far as it waits for them, failed again.",
      ),
    )
    .action(async (_options: unknown, command: Command) => {
      finish(await replay(deps, command.optsWithGlobals<ReplayOptions>()));
    });
}

async function replay(deps: VerbDeps, options: ReplayOptions): Promise<ExitCode> {
  const operation = operationOf(options);
  if (!options.yes) {
    using interruption = deps.interruption();
    await using opened = await openAnyLake(options.lake, "read", deps.clock);
    const selection = await select({ opened, signal: interruption.signal }, options, operation);
    await showPlan(deps, { ...selection, opened }, options, operation);
    return 0;
  }
  if (awsPrefixOf(options.lake) === undefined) return replayInFolder(deps, options, operation);
  using interruption = deps.interruption();
  using progress = createProgress(deps.out, deps.clock);
  await using opened = await openAnyLake(options.lake, "write", deps.clock);
  const { signal } = interruption;
  const done = await execute({ deps, opened, signal, progress }, options, operation);
  return report(deps, done, { options, exitCode: interruption.exitCode() });
}

/** In a folder nobody may be at work: the services run until the outcome is known. */
async function replayInFolder(deps: VerbDeps, options: ReplayOptions, operation: Operation): Promise<ExitCode> {
  const lake = await openLake(options.lake, "write");
  let code: ExitCode = 0;
  const ended = await withServices(deps, { lake, options, roles: queueRoles }, async (session) => {
    const { opened, signal, progress } = session;
    const done = await execute({ deps, opened, signal, progress }, options, operation);
    const keys = done.sent.flatMap((one) => one.keys);
    const isDone = async (): Promise<boolean> => !hasPending(await done.fates.look(done.sent));
    if (!signal.aborted) await session.rest(keys, isDone);
    const fates = signal.aborted ? undefined : await done.fates.look(done.sent);
    progress[Symbol.dispose]();
    code = report(deps, { ...done, known: fates }, { options, exitCode: 130 });
  });
  return ended.kind === "interrupted" ? ended.exitCode : code;
}

function operationOf({ rate, canary }: ReplayOptions): Operation {
  const canaries = canary === undefined ? [] : ["--canary", String(canary)];
  return { action: "replay", verb: "replay", more: [...(rate === 10 ? [] : ["--rate", String(rate)]), ...canaries] };
}

interface Executing extends Running {
  readonly deps: VerbDeps;
  readonly progress: Progress;
}

interface Done {
  readonly record: AuditRecord;
  readonly sent: readonly SentMessage[];
  readonly fates: ReturnType<typeof createFates>;
  /** Where it was waited for. */
  readonly known?: ReadonlyMap<string, Fate> | undefined;
}

async function execute(running: Executing, options: ReplayOptions, operation: Operation): Promise<Done> {
  const { opened, signal, progress } = running;
  const selection = await select(running, options, operation);
  await checkOrRelease(selection, options, operation);
  const { look, items } = selection;
  const sent: Sent[] = [];
  const record = await audited(running, selection, { options, operation }, async (audit) => {
    const canaries = items.slice(0, options.canary ?? 0);
    const onStep = async (through: number): Promise<void> =>
      progress.tick(() => `sent again ${grouped(through)} of ${counted(items.length, "message")}`);
    const performing: Performing = { opened, look, audit, signal, rate: options.rate, onStep };
    sent.push(...(await replayMessages(performing, canaries)));
    const verdict = canaries.length === 0 ? undefined : await awaitCanaries(performing, sent, { options, progress });
    if (verdict !== undefined || signal.aborted) return verdict;
    const rest = { ...performing, onStep: async (through: number) => onStep(through + canaries.length) };
    sent.push(...(await replayMessages(rest, items.slice(canaries.length))));
    return undefined;
  });
  return { record, sent: sent.map(sentMessage), fates: createFates(opened, record) };
}

async function checkOrRelease(selection: Selection, options: ReplayOptions, operation: Operation): Promise<void> {
  try {
    checkPlan(selection, options, operation);
  } catch (error) {
    await Promise.all(selection.look.boxes.map(async ({ hold }) => hold.release()));
    throw error;
  }
}

const canaryLookMs = 500;

/** A sentence where the others must not be sent: a canary died again, or nobody knows what became of it. */
async function awaitCanaries(
  run: Performing,
  sent: readonly Sent[],
  { options, progress }: { readonly options: ReplayOptions; readonly progress: Progress },
): Promise<string | undefined> {
  const { clock } = run.opened;
  const fates = createFates(run.opened, { id: run.audit.id, at: sent[0]?.at ?? clock.now().toISOString() });
  const endMs = clock.monotonicMs() + options.canaryWait * 1000;
  for (;;) {
    const counts = fateCounts((await fates.look(sent.map(sentMessage))).values());
    const failed = counts["failed-again"];
    if (failed > 0) return `${counted(failed, "canary", "canaries")} died again: the others were not sent`;
    if (counts.pending === 0 || run.signal.aborted) return undefined;
    if (clock.monotonicMs() > endMs)
      return `${counted(counts.pending, "canary", "canaries")} still pending after ${options.canaryWait} s: the others were not sent`;
    await progress.tick(() => `waiting for ${counted(counts.pending, "canary", "canaries")}`);
    await renewAll(run.look);
    await pause(run, canaryLookMs);
  }
}

function sentMessage({ dead: { id, stage, keys }, sentAs, at }: Sent): SentMessage {
  return { id, stage, keys, sentAs, at };
}

function hasPending(fates: ReadonlyMap<string, Fate>): boolean {
  return fateCounts(fates.values()).pending > 0;
}

function report(
  deps: VerbDeps,
  { record, known }: Done,
  { options, exitCode }: { readonly options: ReplayOptions; readonly exitCode: 130 | 143 },
): ExitCode {
  const fates = known === undefined ? undefined : fateCounts(known.values());
  if (options.json) {
    const { id: replayId, outcome, counts, detail = null } = record;
    deps.out.line(JSON.stringify({ replay: replayId, outcome, counts, fates: fates ?? null, detail }));
  } else printReport(deps.out, { record, known, next: typed(`airlake dlq status ${record.id}`, options.lake) });
  if (record.outcome === "stopped" && record.detail === byPerson) return exitCode;
  const isWhole = (record.counts["replayed"] ?? 0) === record.items.length;
  return isWhole && (fates?.["failed-again"] ?? 0) === 0 ? 0 : 1;
}

function printReport(
  out: VerbDeps["out"],
  { record, known, next }: Pick<Done, "record" | "known"> & { readonly next: string },
): void {
  printDone(out, record, "replay");
  if (record.detail !== undefined) out.line(out.style.yellow(`Stopped: ${record.detail}.`));
  if (known !== undefined) printFates(out, known);
  out.line(out.style.dim(`what became of them: ${next}`));
}
