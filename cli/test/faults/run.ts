/** One run of the suite: the storm, quiet, and the judgement. */
import { type Storm, calm, storm } from "./driver.ts";
import { type Mended, look, mendMeanwhile } from "./mending.ts";
import { dealtIn, dealtTable } from "./dealt.ts";
import { parkedIn } from "./parked.ts";
import type { Place } from "./place.ts";
import { type Plan, planOf } from "./plan.ts";
import { canMount } from "./small-disk.ts";
import { type Verdict, judge } from "./verdict.ts";

export interface Run {
  readonly sources: number;
  readonly minutes: number;
  readonly seed: number;
  readonly share: number;
  readonly killEveryMs: number;
  readonly mendEveryMs: number;
  readonly workers: number;
  readonly mostRetrySeconds: number | undefined;
  readonly mutant?: string | undefined;
  readonly say: (text: string) => void;
}

/** Longest time to quiet after the storm, in minutes: a message that failed nine times comes back after five to nine. */
const calmMinutes = 30;
const shown = 20;

/** Whether all was as planned. What happened, and what was not, is said. */
export async function weather(place: Place, run: Run): Promise<boolean> {
  const { say } = run;
  const plan = planOf(run.sources, run.seed);
  const smallDisks = canMount();
  say(`${run.sources} sources, ${plan.steps.length} changes, seed ${run.seed}`);
  if (!smallDisks) say("no disk can be mounted here: the workers' scratch folders are not filled");
  const given: Storm = { ...run, place, steps: plan.steps, smallDisks, onTick: ticking(run, plan.steps.length) };
  const startedMs = Date.now();
  const meanwhile = mendMeanwhile(place.opened, run.mendEveryMs);
  const { kills, crashes } = await storm(given);
  const mended = await meanwhile.stop();
  if (crashes.length > 0) throw new Error(`the storm was ended: ${crashes.join("; ")}`);
  const stormMs = Date.now() - startedMs;
  say(`${kills} workers killed in ${lasted(stormMs)}; waiting for quiet`);
  await calm(given, calmMinutes);
  const { parked, faults: wronglyParked } = await settleParked(given, { plan, say });
  say(`quiet after ${lasted(Date.now() - startedMs - stormMs)} more`);

  const dealt = dealtIn(place.folder);
  for (const line of dealtTable(dealt)) say(line);
  say(mendedText(mended));
  const verdict = await mendAndJudge(given, { plan, say });
  const missing = [...(run.share > 0 && dealt.size < 10 ? ["hardly anything went wrong: this was no storm"] : [])];
  const faults = [...wronglyParked, ...missing, ...verdict.faults];
  for (const fault of faults.slice(0, shown)) say(`  ${fault}`);
  if (faults.length > shown) say(`  and ${faults.length - shown} more`);
  const rows = plan.fates.reduce((sum, fate) => sum + fate.rows.length, 0);
  const outcome = faults.length === 0 ? "all as planned" : `${faults.length} faults`;
  say(`${plan.fates.length} fates, ${rows} rows, ${parked} parked: ${outcome}`);
  return faults.length === 0;
}

interface Telling {
  readonly plan: Plan;
  readonly say: (text: string) => void;
}

const deserved = new Set(["unrecognised-format", "truncated-gzip"]);

/** What died of the storm is sent again; what is left must be exactly the sources that are no good. */
async function settleParked(
  given: Storm,
  { plan, say }: Telling,
): Promise<{ readonly parked: number; readonly faults: readonly string[] }> {
  const deserving = new Set(plan.fates.filter(({ mayBeParked }) => mayBeParked).map(({ key }) => key));
  const isDeserved = (one: { readonly reason: string; readonly keys: readonly string[] }): boolean =>
    deserved.has(one.reason) && one.keys.every((key) => deserving.has(key));
  const { left, replayed } = await parkedIn(given.place.opened, (one) => !isDeserved(one));
  if (replayed.length > 0) {
    const reasons = Map.groupBy(replayed, ({ reason }) => reason);
    const text = [...reasons].map(([reason, all]) => `${all.length} ${reason}`).join(", ");
    say(`${replayed.length} messages died of the storm, not of their source (${text}): replayed`);
    await calm(given, calmMinutes);
  }
  // What was replayed may have been rejected only now.
  const after = replayed.length === 0 ? left : (await parkedIn(given.place.opened, () => false)).left;
  const dead = new Set(after.flatMap(({ keys }) => keys));
  const faults = [
    ...after.filter((one) => !isDeserved(one)).map(({ keys, reason }) => `${keys.join(" ")}: parked again, ${reason}`),
    ...plan.fates.filter(({ key, last }) => last === "broken" && !dead.has(key)).map(({ key }) => `${key}: not parked`),
  ];
  return { parked: after.length, faults };
}

/**
 * What the workers leave to reconciliation by design: the part of an attempt whose intent was taken over and that then died, and a
 * partition whose last part went.
 */
const forReconcile = ["orphan", "empty-partition"];

/** The lake as the workers left it, and again after a last `reconcile --repair`, after which nothing may be off. */
async function mendAndJudge(given: Storm, { plan, say }: Telling): Promise<Verdict> {
  const { place } = given;
  const asLeft = await judgePlace(place, plan);
  const found = await look(place.opened, "now");
  const faults = found.samples.filter((one) => !forReconcile.some((kind) => one.startsWith(`${kind}: `)));
  if (asLeft.orphans.length > 0) say(`${asLeft.orphans.length} parts of attempts that were overtaken and then died`);
  if (found.counts.size > 0) await calm(given, calmMinutes);
  const again = await look(place.opened, "later");
  const inTheEnd = await judgePlace(place, plan);
  const repeated = again.samples.map((one) => `a second reconcile still finds ${one}`);
  const unnamed = inTheEnd.orphans.map((part) => `${part} is there, and no manifest names it`);
  return {
    faults: [...new Set([...asLeft.faults, ...faults, ...repeated, ...inTheEnd.faults, ...unnamed])],
    orphans: [],
  };
}

async function judgePlace(place: Place, plan: Plan): Promise<Verdict> {
  const { catalogFile, opened } = place;
  return judge({ folder: await place.copied(), buckets: opened.topology.buckets, catalogFile }, plan.fates);
}

function mendedText({ looks, counts }: Mended): string {
  const kinds = [...counts].map(([kind, count]) => `${count} ${kind}`).join(", ");
  return `reconcile --repair ran ${looks === 1 ? "once" : `${looks} times`} beside the storm: ${kinds === "" ? "nothing to mend" : kinds}`;
}

function lasted(ms: number): string {
  return ms < 90_000 ? `${Math.round(ms / 1000)} s` : `${(ms / 60_000).toFixed(1)} min`;
}

/** A line every few seconds. */
function ticking({ say }: Run, steps: number): Storm["onTick"] {
  let lastMs = 0;
  return (done) => {
    if (Date.now() - lastMs < 5000 && done.steps < steps) return;
    lastMs = Date.now();
    say(`${done.steps} of ${steps} changes, ${done.kills} killed`);
  };
}
