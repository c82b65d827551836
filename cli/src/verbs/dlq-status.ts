/** `airlake dlq status`: what became of the messages of a replay. */
import type { AuditRecord } from "@airlake/shared/contracts/audit";
import type { Command } from "commander";

import { readAudit } from "../audit.ts";
import { CommandError } from "../command-error.ts";
import { createFailureReader } from "../dlq/failure-ledger.ts";
import { type SentMessage, createFates, fateCounts } from "../dlq/fates.ts";
import { printDone, printFates } from "../dlq/plan-screen.ts";
import { isService } from "../dlq/stages.ts";
import { examples } from "../examples.ts";
import { typed } from "../hint.ts";
import { placeOf } from "../ledger.ts";
import { type OpenedLake, openAnyLake } from "../opened-lake.ts";
import { printable, shortTime } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

export function addDlqStatus(dlq: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  dlq
    .command("status")
    .summary("show what became of a replay's messages")
    .description(
      "Shows how many messages of a replay have succeeded, have failed again, or are pending, and why those that failed did so.",
    )
    .argument("<replay>", "the replay's id, or the beginning of it, as `airlake audit` lists it")
    .addHelpText(
      "after",
      examples(
        [
          ["airlake dlq status 5b1c", ""],
          ["airlake dlq status 5b1c --json", ""],
        ],
        "Ends with 1 when one has failed again.",
      ),
    )
    .action(async (replay: string, _options: unknown, command: Command) => {
      finish(await status(deps, replay, command.optsWithGlobals<LakeOptions>()));
    });
}

async function status(deps: VerbDeps, replay: string, options: LakeOptions): Promise<ExitCode> {
  const { out } = deps;
  await using opened = await openAnyLake(options.lake, "read", deps.clock);
  const record = await replayCalled(opened, replay);
  const sent = await sentBy(opened, record);
  const fates = await createFates(opened, record).look(sent);
  const counts = fateCounts(fates.values());
  if (options.json) {
    const messages = sent.map((one) => ({ ...one, ...fates.get(one.id), fate: fates.get(one.id)?.kind }));
    out.line(JSON.stringify({ replay: record.id, at: record.at, outcome: record.outcome, ...counts, messages }));
  } else {
    out.line(
      `replay ${out.style.bold(record.id)} of ${shortTime(record.at)} UTC by ${printable(record.by.user)}: ${record.outcome}`,
    );
    printDone(out, record, "replay");
    if (record.outcome === "running")
      out.line("It is still going on, or was killed: then the last seconds of it are not in these numbers.");
    printFates(out, fates);
  }
  return counts["failed-again"] === 0 ? 0 : 1;
}

async function replayCalled(opened: OpenedLake, id: string): Promise<AuditRecord> {
  const replays = (await readAudit(placeOf(opened))).filter(({ action }) => action === "dlq-replay");
  const found = replays.filter((record) => record.id.startsWith(id));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new CommandError(
    only === undefined
      ? `There is no replay ${printable(id)}.`
      : `${found.length} replays begin with ${printable(id)}.`,
    `See them with: ${typed("airlake audit", opened.shown)}`,
  );
}

/** What the audit knows was sent; and where the command was killed, what the failure records know. */
async function sentBy(opened: OpenedLake, record: AuditRecord): Promise<readonly SentMessage[]> {
  const settled = record.outcome === "running" ? await settledBy(opened, record) : new Map<string, Settled>();
  return record.items.flatMap(({ id, stage, keys, at, sentAs }) => {
    const known = sentAs === undefined || at === undefined ? settled.get(id) : { sentAs, at };
    return known === undefined || !isService(stage) ? [] : [{ id, stage, keys, ...known }];
  });
}

type Settled = Pick<SentMessage, "sentAs" | "at">;

async function settledBy(opened: OpenedLake, record: AuditRecord): Promise<ReadonlyMap<string, Settled>> {
  const earliest = record.items.flatMap(({ failureKey }) => failureKey?.split("/")[1] ?? []).toSorted()[0];
  if (earliest === undefined) return new Map();
  const reader = createFailureReader(placeOf(opened), () => opened.clock.now());
  const failures = await reader.since(new Date(earliest));
  return new Map(
    failures.flatMap(({ id, record: { settled } }) =>
      settled?.by === record.id && settled.sentAs !== undefined
        ? [[id, { sentAs: settled.sentAs, at: settled.at }]]
        : [],
    ),
  );
}
