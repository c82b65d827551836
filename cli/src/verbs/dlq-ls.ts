/** `airlake dlq ls`: dead messages by stage and reason, from their failure records; with --scan, from the queues. */
import type { Command } from "commander";

import { mapBounded } from "../bounded.ts";
import { type Dead, type Group, crashed, deadByRecords, groupsOf, settledCounts } from "../dlq/dead.ts";
import { readFailureLedger, settleFailure } from "../dlq/failure-ledger.ts";
import { type FilterOptions, addFilter, filtered } from "../dlq/filter.ts";
import { type Look, type LookedBox, lookInto, releaseOthers } from "../dlq/look.ts";
import { printGroups } from "../dlq/ls-screen.ts";
import { safeWord } from "../dlq/plan.ts";
import { boxesOf } from "../dlq/stages.ts";
import { examples } from "../examples.ts";
import { typed } from "../hint.ts";
import { placeOf } from "../ledger.ts";
import { type OpenedLake, openAnyLake } from "../opened-lake.ts";
import { depthOf } from "../pipeline.ts";
import { counted, grouped } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface LsOptions extends LakeOptions, FilterOptions {
  readonly scan: boolean;
  readonly queued: boolean;
}

/** What was found, as `--json` prints it. */
interface Listing {
  readonly messages: number;
  readonly groups: readonly Group[];
  /** Messages in the dead-letter queues, by stage; with --queued, in the queues. */
  readonly depth: Readonly<Record<string, { readonly visible: number; readonly inHand: number }>>;
  /** Records of the last 18 days whose message is gone, by how. */
  readonly settled: Readonly<Record<string, number>>;
  readonly scan?: ScanNote;
}

interface ScanNote {
  /** Everything visible was seen. */
  readonly complete: boolean;
  /** For no longer than this a message was hidden from others. */
  readonly hiddenSeconds: number;
  /** Records whose message was not there, and that are now marked as settled. */
  readonly markedGone: number;
  /** Records whose message was not there but may be on its way. */
  readonly unseen: number;
}

export function addDlqLs(dlq: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  const verb = dlq
    .command("ls")
    .summary("list dead messages by stage and reason")
    .description(
      "Lists the dead messages by stage and reason: how many, since when, and how long until SQS drops the first of them. " +
        "It reads the failure records and leaves the queues alone, unless it is asked to scan.",
    );
  addFilter(verb, () => deps.clock.now())
    .option("--scan", "also receive the messages: finds those without a record, and records without a message", false)
    .option("--queued", "what waits in the queues of the services instead, alive (it is received, see below)", false)
    .addHelpText(
      "after",
      examples(
        [
          ["airlake dlq ls", ""],
          ["airlake dlq ls --scan", "finds the group crashed: parked, and nobody wrote why"],
          ["airlake dlq ls --queued --stage ingestor", "what the ingestor will try again"],
        ],
        "A scan receives every message and releases it at once; should it be killed, they\nare visible again within the time it tells. Each look with --queued counts as one\n" +
          "of the ten receives after which SQS parks a message; what a service has in hand,\nor waits before the next try, is not seen.",
      ),
    )
    .action(async (_options: unknown, command: Command) => {
      finish(await ls(deps, command.optsWithGlobals<LsOptions>()));
    });
}

async function ls(deps: VerbDeps, options: LsOptions): Promise<ExitCode> {
  await using opened = await openAnyLake(options.lake, "read", deps.clock);
  const listing = options.scan || options.queued ? await scan(deps, opened, options) : await recorded(opened, options);
  if (options.json) deps.out.line(JSON.stringify(listing));
  else print(deps, listing, options);
  return 0;
}

async function recorded(opened: OpenedLake, options: LsOptions): Promise<Listing> {
  const now = opened.clock.now();
  const failures = await readFailureLedger(placeOf(opened), now);
  return listingOf(opened, options, { dead: deadByRecords(failures, now), settled: settledCounts(failures, now) });
}

async function scan(deps: VerbDeps, opened: OpenedLake, options: LsOptions): Promise<Listing> {
  using interruption = deps.interruption();
  const boxes = boxesOf(opened, options.queued ? "queued" : "dead", options.stage);
  const look = await lookInto(opened, boxes, interruption.signal);
  await releaseOthers(look);
  const markedGone = options.queued ? 0 : await markGone(opened, look);
  const now = opened.clock.now();
  const open = options.queued ? 0 : look.boxes.reduce((sum, { unseen }) => sum + unseen.length, 0) - markedGone;
  const { hiddenSeconds } = look;
  const complete = look.boxes.every(({ hold }) => hold.complete);
  const settled = settledCounts(look.failures, now);
  return {
    ...(await listingOf(opened, options, {
      dead: look.dead,
      settled: { ...settled, gone: (settled["gone"] ?? 0) + markedGone },
    })),
    scan: { complete, hiddenSeconds, markedGone, unseen: open },
  };
}

/** Nothing can be on its way to the dead-letter queue, and all of it was seen: then a record without a message is history. */
function isWhole({ hold, elsewhere, sourceIsEmpty }: LookedBox): boolean {
  return hold.complete && elsewhere === 0 && sourceIsEmpty;
}

async function markGone(opened: OpenedLake, look: Look): Promise<number> {
  const gone = look.boxes.filter(isWhole).flatMap(({ unseen }) => unseen);
  const at = opened.clock.now().toISOString();
  await mapBounded(gone, 16, async (failure) => settleFailure(placeOf(opened), failure, { at, how: "gone" }));
  return gone.length;
}

async function listingOf(
  opened: OpenedLake,
  options: LsOptions,
  found: { readonly dead: readonly Dead[]; readonly settled: Readonly<Record<string, number>> },
): Promise<Listing> {
  const dead = filtered(found.dead, options);
  const boxes = boxesOf(opened, options.queued ? "queued" : "dead", options.stage);
  const depths = await mapBounded(boxes, 4, async ({ stage, url }) => {
    const { waiting: visible, inHand } = await depthOf(opened, url);
    return [stage, { visible, inHand }] as const;
  });
  return {
    messages: dead.length,
    groups: groupsOf(dead),
    depth: Object.fromEntries(depths),
    settled: options.queued ? {} : found.settled,
  };
}

function print({ out, clock }: VerbDeps, listing: Listing, options: LsOptions): void {
  const { groups, depth, settled, scan: scanned } = listing;
  if (groups.length === 0) out.line(noneText(options));
  else printGroups(out, groups, clock.now());
  out.line();
  out.line(`in the ${options.queued ? "" : "dead-letter "}queues: ${depthText(depth)}`);
  const history = Object.entries(settled).flatMap(([how, count]) => (count === 0 ? [] : [`${grouped(count)} ${how}`]));
  if (history.length > 0) out.line(out.style.dim(`settled, not in the list: ${history.join(", ")}`));
  if (scanned !== undefined) printScan(out, scanned);
  else if (differs(listing, options))
    out.line(
      out.style.yellow(
        `The queues and the records differ. To see all of it: ${typed("airlake dlq ls --scan", options.lake)}`,
      ),
    );
  const [first] = groups;
  if (first !== undefined && !options.queued)
    out.line(out.style.dim(`why: ${typed(`airlake dlq show ${whichOf(first)}`, options.lake)}`));
}

function noneText({ scan: scans, queued }: LsOptions): string {
  if (queued) return "No message waits where it can be seen.";
  return scans ? "No message is dead." : "No dead message is known from the failure records.";
}

function whichOf({ stage, reason, sampleIds }: Group): string {
  return reason === crashed ? (sampleIds[0] ?? "") : `--stage ${stage} --reason ${safeWord(reason)}`;
}

function depthText(depth: Listing["depth"]): string {
  const parts = Object.entries(depth).map(([stage, { visible, inHand }]) =>
    inHand === 0 ? `${stage} ${grouped(visible)}` : `${stage} ${grouped(visible)} (and ${grouped(inHand)} hidden)`,
  );
  return parts.join(", ");
}

function printScan(out: VerbDeps["out"], scanned: ScanNote): void {
  const hidden = `Every message was received, for at most ${counted(scanned.hiddenSeconds, "second")}, and released.`;
  if (scanned.hiddenSeconds > 0)
    out.line(
      out.style.dim(scanned.complete ? hidden : `${hidden} The look ended before it was through: there is more.`),
    );
  if (scanned.markedGone > 0)
    out.line(out.style.dim(`${counted(scanned.markedGone, "record")} whose message is gone: settled now.`));
  if (scanned.unseen > 0)
    out.line(out.style.dim(`${counted(scanned.unseen, "record")} whose message was not seen, and may be on its way.`));
}

function differs({ groups, depth }: Listing, options: LsOptions): boolean {
  const isFiltered = [options.reason, options.prefix, options.since, options.until, options.id].some(
    (one) => one !== undefined,
  );
  const known = (stage: string): number =>
    groups.filter((group) => group.stage === stage).reduce((sum, { count }) => sum + count, 0);
  return !isFiltered && Object.entries(depth).some(([stage, { visible, inHand }]) => known(stage) !== visible + inHand);
}
