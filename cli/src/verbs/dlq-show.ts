/** `airlake dlq show`: what a dead message was, why it died, and what its source is now. */
import type { Command } from "commander";

import { mapBounded } from "../bounded.ts";
import { CommandError } from "../command-error.ts";
import { type Dead, bodyOf, correlationIdOf } from "../dlq/dead.ts";
import { type FilterOptions, addFilter, filtered } from "../dlq/filter.ts";
import { recorded, scanned } from "../dlq/find-dead.ts";
import { timeLeft } from "../dlq/ls-screen.ts";
import { type SourceNow, ledgerNow, sourceNow } from "../dlq/source-now.ts";
import { examples } from "../examples.ts";
import { typed } from "../hint.ts";
import { openAnyLake } from "../opened-lake.ts";
import { counted, printable, shortTime, sized, wrapped } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";
import { positive } from "../dlq/numbers.ts";

interface ShowOptions extends LakeOptions, FilterOptions {
  readonly scan: boolean;
  readonly limit: number;
}

interface Shown {
  readonly dead: Dead;
  readonly source: SourceNow;
  readonly ledger: string | undefined;
}

export function addDlqShow(dlq: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  const verb = dlq
    .command("show")
    .summary("show why messages died, and what their sources are now")
    .description(
      "Shows dead messages one by one: what failed and every cause, how often it was tried, the source then and now, the message.",
    )
    .argument("[id]", "a message, by its id or the beginning of it");
  addFilter(verb, () => deps.clock.now())
    .option("--scan", "receive from the queues too: for messages without a failure record", false)
    .option("--limit <n>", "at most so many, the oldest first", positive, 20)
    .addHelpText(
      "after",
      examples([
        ["airlake dlq show 3fa9c17e", "one message"],
        ["airlake dlq show --reason unrecognised-format --limit 3", ""],
        ["airlake dlq show --stage cleaner --since 2h --json", ""],
      ]),
    )
    .action(async (id: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ShowOptions>();
      finish(await show(deps, id === undefined ? options : { ...options, id: [id] }));
    });
}

async function show(deps: VerbDeps, options: ShowOptions): Promise<ExitCode> {
  await using opened = await openAnyLake(options.lake, "read", deps.clock);
  const byRecords = options.scan ? [] : filtered(await recorded(opened), options);
  // A message that was asked for by its id, and has no record, is looked for in the queues.
  const isSought = options.scan || (byRecords.length === 0 && options.id !== undefined);
  const found = isSought ? filtered(await scanned(deps, opened, options), options) : byRecords;
  if (found.length === 0)
    throw new CommandError(
      "There is no such dead message.",
      `See what there is: ${typed("airlake dlq ls --scan", options.lake)}`,
    );
  const shown = await mapBounded(found.slice(0, options.limit), 16, async (dead) => {
    const source = await sourceNow(opened, dead);
    const ledger = source.key === undefined ? undefined : await ledgerNow(opened, source.key);
    return { dead, source, ledger };
  });
  if (options.json) deps.out.line(JSON.stringify(shown.map(jsonOf)));
  else print(deps, shown, found.length);
  return 0;
}

function jsonOf({ dead, source, ledger }: Shown): Readonly<Record<string, unknown>> {
  const { id, stage, reason, at, dropsAt, keys, failure } = dead;
  return {
    ...{ id, stage, reason, at, dropsAt, keys, source, ledger: ledger ?? null },
    correlationId: correlationIdOf(dead),
    attempts: attemptsOf(dead),
    failureKey: failure?.key ?? null,
    record: failure?.record ?? null,
    body: bodyOf(dead),
  };
}

/** How often it was received before it was parked. */
function attemptsOf({ failure, message }: Dead): number {
  return failure?.record.receiveCount ?? Math.max(0, Number(message?.Attributes?.ApproximateReceiveCount ?? "1") - 1);
}

function print({ out, clock }: VerbDeps, shown: readonly Shown[], found: number): void {
  for (const [at, one] of shown.entries()) {
    if (at > 0) out.line();
    const { dead } = one;
    out.line(`${out.style.bold(dead.id)}  ${dead.stage}  ${out.style.red(printable(dead.reason))}`);
    for (const [name, text] of linesOf(one, clock.now()))
      for (const [row, line] of wrapped(printable(text), Math.min(out.columns, 120) - 13).entries())
        out.line(`  ${(row === 0 ? name : "").padEnd(10)} ${line}`);
  }
  if (found > shown.length) out.line(out.style.dim(`\n${counted(found - shown.length, "more", "more")}; see --limit`));
}

const bodyShown = 400;

function linesOf({ dead, source, ledger }: Shown, now: Date): readonly (readonly [string, string])[] {
  const record = dead.failure?.record;
  const body = bodyOf(dead);
  const none = "nobody recorded why: the process that had the message died each time, or never came to it";
  const lines: readonly (readonly [string, string | undefined])[] = [
    ["what", record?.detail ?? none],
    ...(record?.errors ?? []).map((error, at) => [at === 0 ? "errors" : "", error] as const),
    [
      "failed",
      `${shortTime(dead.at)} UTC, ${attemptText(attemptsOf(dead))}; SQS drops it in ${timeLeft(dead.dropsAt, now)}`,
    ],
    ["source", dead.keys.length > 1 ? `${dead.keys.length} sources, the first ${dead.keys[0]}` : dead.keys[0]],
    ["now", nowText(source)],
    ["ledger", ledger],
    ["begins", record?.firstBytes],
    ["story", correlationIdOf(dead)],
    ["worker", record?.workerVersion],
    [
      "message",
      body.length > bodyShown ? `${body.slice(0, bodyShown)}… (${sized(body.length)}; all of it with --json)` : body,
    ],
  ];
  return lines.flatMap(([name, text]) => (text === undefined || text === "" ? [] : [[name, text]]));
}

function attemptText(attempts: number): string {
  return attempts === 1 ? "at the first try" : `after ${counted(attempts, "try", "tries")}`;
}

function nowText({ change, now, was }: SourceNow): string | undefined {
  if (change === "unknown") return undefined;
  if (now === undefined) return "gone from raw";
  const facts = `${sized(now.sizeBytes)}, written ${shortTime(now.lastModified)} UTC`;
  return change === "unchanged"
    ? `unchanged: ${facts}`
    : `changed since: ${facts}${was === undefined ? "" : ` (was ${was}, is ${now.etag})`}`;
}
