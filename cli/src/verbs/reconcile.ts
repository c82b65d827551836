/** `airlake reconcile`: is the lake what its bucket says? Finds what is off, and mends it. */
import { type Command, InvalidArgumentError } from "commander";

import type { EmbeddedLake } from "../embedded.ts";
import { beginAudit } from "../audit.ts";
import { CommandError } from "../command-error.ts";
import { examples } from "../examples.ts";
import { typed } from "../hint.ts";
import { type OpenedLake, openAnyLake } from "../opened-lake.ts";
import { placeOf } from "../ledger.ts";
import { createProgress } from "../progress.ts";
import { lookEvery } from "../reconcile/look-every.ts";
import { type Story, lookOnce } from "../reconcile/look-once.ts";
import type { Repair } from "../reconcile/repair.ts";
import { type Group, lookedText, printGroups, printOpen } from "../reconcile/screen.ts";
import { type Session, sayInterrupted, withServices } from "../session.ts";
import { counted, lasted, printable } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface ReconcileOptions extends LakeOptions {
  readonly repair: boolean;
  readonly grace: number;
  readonly quick: boolean;
  readonly deleteMany: boolean;
  /** Seconds. */
  readonly every?: number;
}

export function addReconcile(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description(
      "Compares raw, manifests, parts and catalog with one another: sources that no stage has seen, stages that are behind, " +
        "unfinished attempts, objects of nobody, parts that are missing or damaged, counts that do not add up, partitions that " +
        "the catalog lacks or that are empty. Changes nothing unless told to; safe beside running workers.",
    )
    .option("--repair", "mend what is found: by the workers themselves, or by deleting what is nobody's", false)
    .option("--grace <hours>", "take unfinished or unnamed objects for abandoned after so long", hours, 24)
    .option("--quick", "do not read the parts' footers: sizes only", false)
    .option("--every <seconds>", "look again so long after each look, until stopped; not with --repair", wholeSeconds)
    .option("--delete-many", "with --repair: also delete very many objects of nobody", false)
    .addHelpText(
      "after",
      examples(
        [
          ["airlake reconcile", "what is off"],
          ["airlake reconcile --repair", "mend it"],
          ["airlake reconcile --every 3600 --quick", "once an hour, as compose.yaml does"],
          ["airlake reconcile --lake aws:airlake --json | jq .findings", "for scripts"],
        ],
        "Ends with 0 when nothing is off (or all of it is mended), with 1 when something is.",
      ),
    )
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ReconcileOptions>();
      finish(options.every === undefined ? await reconcile(deps, options) : await reconcileEvery(deps, options));
    });
}

function wholeSeconds(text: string): number {
  // Longer waits than 24 days are none that Node's timers know.
  if (/^[1-9]\d{0,6}$/.test(text) && Number(text) <= 2_000_000) return Number(text);
  throw new InvalidArgumentError("It must be a whole number of seconds, from 1 to 2,000,000.");
}

function hours(text: string): number {
  const number = /^\d{1,5}(\.\d{1,4})?$/.test(text) ? Number(text) : NaN;
  if (Number.isFinite(number)) return number;
  throw new InvalidArgumentError("It must be a number of hours, as 24 or 0.5.");
}

/** Being stopped is how it ends: that is 0. */
async function reconcileEvery(deps: VerbDeps, options: ReconcileOptions): Promise<ExitCode> {
  if (options.repair)
    throw new CommandError(
      "--every only looks: what is off should be seen by a person before it is mended.",
      "Leave out --repair, or --every.",
    );
  using interruption = deps.interruption();
  const { signal } = interruption;
  const look = async (): Promise<unknown> => reconcile(deps, options);
  await lookEvery({ clock: deps.clock, out: deps.out, look, signal }, options.every ?? 0, options.json);
  return 0;
}

/** A repair can bring to light what it hid; after so many looks in turn a person should look. */
const mostRounds = 3;

async function reconcile(deps: VerbDeps, options: ReconcileOptions): Promise<ExitCode> {
  const startedMs = deps.clock.monotonicMs();
  const first = await lookFirst(deps, options);
  if (first === "interrupted") return 130;
  const seconds = (): number => (deps.clock.monotonicMs() - startedMs) / 1000;
  if (!options.json) printFirst(deps, first, { options, seconds: seconds() });
  if (!options.repair || first.opened === undefined || first.groups.length === 0) {
    if (options.json) printJson(deps, first, { left: first.groups, seconds: seconds() });
    return exitCodeOf(first.groups);
  }
  const ended = await withServices(deps, { lake: first.opened, options }, async (session) =>
    repairRounds(deps, session, options),
  );
  if (ended.kind === "interrupted" || ended.value === undefined) {
    sayInterrupted(deps);
    return ended.kind === "interrupted" ? ended.exitCode : 130;
  }
  const { repairs, groups: left } = ended.value;
  if (options.json) printJson(deps, { ...first, repairs }, { left, seconds: seconds() });
  else printLast(deps, ended.value, options.lake);
  return exitCodeOf(left);
}

function exitCodeOf(groups: readonly Group[]): ExitCode {
  return groups.length === 0 ? 0 : 1;
}

interface First extends Story {
  /** The lake in its folder, whose services can be started; undefined where they run elsewhere. */
  readonly opened: EmbeddedLake["lake"] | undefined;
}

/** Looks; and in a lake whose workers run elsewhere mends at once, if that is wished. */
async function lookFirst(deps: VerbDeps, options: ReconcileOptions): Promise<First | "interrupted"> {
  using interruption = deps.interruption();
  const { signal } = interruption;
  await using opened = await openAnyLake(options.lake, options.repair ? "write" : "read", deps.clock);
  using progress = createProgress(deps.out, deps.clock);
  const tick = async (text: () => string): Promise<void> => progress.tick(text);
  try {
    const repairs = options.repair && opened.lake === undefined ? "now" : "later";
    const story = await lookOnce(opened, { options, signal, tick, repairs });
    await leaveRecord(opened, options, story.repairs);
    return { ...story, opened: opened.lake };
  } catch (error) {
    if (!signal.aborted) throw error;
    return "interrupted";
  }
}

/** Mends, waits for the services, looks again; undefined where the person wished to stop. */
async function repairRounds(deps: VerbDeps, session: Session, options: ReconcileOptions): Promise<Story | undefined> {
  const { opened, signal, progress } = session;
  const tick = async (text: () => string): Promise<void> => progress.tick(text);
  const repairs: Repair[] = [];
  // What was left on the queues may be all that is needed.
  if ((await session.rest([], async () => false)).kind === "interrupted") return undefined;
  for (let round = 1; ; round += 1) {
    const isLast = round > mostRounds;
    const story = await lookOnce(opened, { options, signal, tick, repairs: isLast ? "later" : "now" });
    repairs.push(...story.repairs);
    await leaveRecord(opened, options, story.repairs);
    if (!options.json) for (const one of story.repairs) deps.out.line(repairText(one));
    if (isLast || story.repairs.length === 0) return { ...story, repairs };
    const keys = [...new Set(story.repairs.flatMap(({ source }) => (source === "" ? [] : [source])))];
    if ((await session.rest(keys, async () => false)).kind === "interrupted") return undefined;
  }
}

/** Of very many repairs the first are named; the counts are of all. */
const recordedAtMost = 1000;

/** What was mended is an operator's act, as a replay is. */
async function leaveRecord(opened: OpenedLake, { grace }: ReconcileOptions, repairs: readonly Repair[]): Promise<void> {
  if (repairs.length === 0) return;
  const items = repairs.slice(0, recordedAtMost).map(({ kind, what, did }, at) => ({
    ...{ id: String(at + 1), stage: "reconcile", reason: kind, keys: [what], messageId: "" },
    result: did,
  }));
  const intended = { action: "reconcile-repair", filter: { grace: `${grace} h` }, items };
  const audit = await beginAudit(placeOf(opened), opened.clock, intended);
  await audit.end("done", counted(repairs.length, "repair"));
}

function repairText({ kind, what, did }: Repair): string {
  return `${kind}: ${printable(what)}: ${printable(did)}`;
}

function printFirst(
  { out }: VerbDeps,
  { looked, groups, repairs, opened }: First,
  how: { readonly options: ReconcileOptions; readonly seconds: number },
): void {
  if (groups.length > 0) {
    printGroups(out, groups);
    out.line();
  }
  printOpen(out, looked, typed("airlake fuse", how.options.lake));
  for (const one of repairs) out.line(repairText(one));
  const total = groups.reduce((sum, { count }) => sum + count, 0);
  const found = total === 0 ? "Nothing is off" : counted(total, "finding");
  out.line(out.style.bold(`${found}: ${lookedText(looked)}, in ${lasted(how.seconds)}`));
  if (total === 0) return;
  const { lake } = how.options;
  if (!how.options.repair) out.line(`To mend it: ${typed("airlake reconcile --repair", lake)}`);
  else if (opened === undefined)
    out.line(`Sent to the workers of ${lake}. See whether all is well: ${typed("airlake reconcile", lake)}`);
}

function printLast({ out }: VerbDeps, { groups, repairs }: Story, lake: string): void {
  out.line();
  if (groups.length === 0) {
    out.line(out.style.bold(`All is mended: ${counted(repairs.length, "repair")}, and a new look finds nothing.`));
    return;
  }
  out.line(out.style.bold("Still off:"));
  printGroups(out, groups);
  out.line();
  const [again, sources] = [typed("airlake reconcile", lake), typed("airlake sources", lake)];
  out.line(`Look again later: ${again}. What its stages make of it: ${sources}, .airlake/log.ndjson`);
}

function printJson(
  { out, clock }: VerbDeps,
  { looked, groups, repairs }: Story,
  { left, seconds }: { readonly left: readonly Group[]; readonly seconds: number },
): void {
  const { fingerprints: _fingerprints, ...facts } = looked;
  const rounded = Math.round(seconds * 1000) / 1000;
  const at = clock.now().toISOString();
  out.line(
    JSON.stringify({ at, findings: plain(groups), left: plain(left), repairs, looked: facts, seconds: rounded }),
  );
}

function plain(groups: readonly Group[]) {
  return Object.fromEntries(
    groups.map(({ kind, count, samples }) => [
      kind,
      { count, samples: samples.map(({ what, source, detail }) => ({ what, source, detail })) },
    ]),
  );
}
