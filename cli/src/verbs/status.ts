/** `airlake status`: how the lake is, on one screen. */
import type { Command } from "commander";

import { healthIn } from "../config.ts";
import { examples } from "../examples.ts";
import { typed } from "../hint.ts";
import { type OpenedLake, openAnyLake } from "../opened-lake.ts";
import { type HealthAddress, parseAddresses, usualAddresses } from "../status/health-addresses.ts";
import { type Status, moment, readLedger } from "../status/lake-status.ts";
import { ledgerLines, leftText, statusLines } from "../status/status-screen.ts";
import { watchStatus } from "../status/watch-status.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface StatusOptions extends LakeOptions {
  readonly watch: boolean;
  readonly health?: string;
}

export function addStatus(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description(
      "Shows how the lake is: its sources and records, and for each service whether it runs, what it has in hand, what " +
        "waits on its queue, what is parked in its dead-letter queue, and what it did last.",
    )
    .option("--watch", "look again every second, until Ctrl-C", false)
    .option("--health <addresses>", "where services answer (also as AIRLAKE_HEALTH)")
    .addHelpText(
      "after",
      examples(
        [
          ["airlake status", ""],
          ["airlake status --lake aws:airlake --watch", "piped, a line a change"],
          ["airlake status --json | jq .queues", ""],
          ["airlake status --health cleaner=10.0.0.7:8080,joiner=10.0.0.8:80", "elsewhere"],
        ],
        "Services are looked for where airlake up has them (8701 to 8704) or, for aws:…,\nwhere compose.yaml publishes them (811x to 814x).\n'oldest' is the message that a service has had in hand longest.\n\nEnds with 1 where a service of an aws: lake is not up, or a fuse is blown.",
      ),
    )
    .action(async (_options: unknown, command: Command) => {
      finish(await status(deps, command.optsWithGlobals<StatusOptions>()));
    });
}

async function status(deps: VerbDeps, options: StatusOptions): Promise<ExitCode> {
  const given = options.health ?? healthIn();
  const told = given === undefined ? undefined : parseAddresses(given);
  await using opened = await openAnyLake(options.lake, "read", deps.clock);
  const addresses = told ?? usualAddresses(opened.lake === undefined ? "aws" : "folder");
  using interruption = deps.interruption();
  const { signal } = interruption;
  if (options.watch) {
    await watchStatus({ out: deps.out, opened, addresses, signal }, options.json);
    return 0;
  }
  try {
    const found = await lookAt(opened, addresses, signal);
    if (options.json) deps.out.line(JSON.stringify(jsonOf(found)));
    else print(deps, opened, found);
    return exitCodeOf(opened, found);
  } catch (error) {
    if (signal.aborted) return interruption.exitCode();
    throw error;
  }
}

async function lookAt(opened: OpenedLake, addresses: readonly HealthAddress[], signal: AbortSignal): Promise<Status> {
  const [now, ledger] = await Promise.all([moment(opened, addresses, signal), readLedger(opened)]);
  return { ...now, ledger };
}

/** Flat: a script asks for `.records`, and not for where they come from. */
function jsonOf({ ledger, ...now }: Status): unknown {
  const { kind: _kind, ...facts } = ledger ?? { kind: undefined };
  return { ...now, ...facts };
}

function print({ out }: VerbDeps, opened: OpenedLake, found: Status): void {
  const isFolder = opened.lake !== undefined;
  for (const text of ledgerLines(found, out.style)) out.line(text);
  const look = {
    width: out.columns,
    style: out.style,
    now: opened.clock.now(),
    isFolder,
    fuseCommand: typed("airlake fuse", opened.shown),
  };
  for (const text of statusLines(found, look)) out.line(text);
  const left = isFolder ? leftText(found) : undefined;
  if (left === undefined) return;
  out.line();
  out.line(left);
}

/** In a folder, services run while a command does. */
function exitCodeOf(opened: OpenedLake, { services, blown }: Status): ExitCode {
  const isOff = services.some(
    ({ state, at }) => state === "not ready" || (state === "unreachable" && (opened.lake === undefined || at !== null)),
  );
  return isOff || blown.length > 0 ? 1 : 0;
}
