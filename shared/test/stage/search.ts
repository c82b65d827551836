/**
 * Searches the schedules of a simulation for one that ends badly: first all that differ from the plain run (one thing after another, no
 * fault) in at most so many choices, those with the fewest first; then random ones, each from its own seed.
 */
import type { Protocol } from "./load-protocol.ts";
import { type Choice, type Run, startRun } from "./simulation.ts";
import type { Bounds } from "./world.ts";

export interface Plan {
  /** How often a schedule may depart from the plain run. */
  readonly departures: number;
  /** Schedules with more attempts are left, except random ones: duels repeat themselves. */
  readonly attempts: number;
  /** Random schedules, seeded 1, 2, 3, … */
  readonly walks: number;
  /** Schedules in all. */
  readonly limit: number;
  /** Where every schedule begins, except random ones. */
  readonly start?: readonly Choice[];
}

export interface Finding {
  readonly fault: string | undefined;
  /** The schedule that ends badly. */
  readonly schedule: readonly string[];
  readonly schedules: number;
  /** Different states that were gone through, without those of the random schedules. */
  readonly states: number;
  /** False where the limit came first. */
  readonly complete: boolean;
}

/** Requests after which a schedule that is still not quiet never will be. */
const endless = 400;

export async function search(protocol: Protocol, bounds: Bounds, plan: Plan): Promise<Finding> {
  const seen = new Set<string>();
  let schedules = 0;
  const finding = (run: Run | undefined, fault: string | undefined, complete: boolean): Finding => {
    return { fault, schedule: run?.schedule ?? [], schedules, states: seen.size, complete };
  };
  let level: (readonly Choice[])[] = [plan.start ?? []];
  for (let departures = 0; departures <= plan.departures; departures += 1) {
    const next: (readonly Choice[])[] = [];
    const isLast = departures === plan.departures;
    for (const prefix of level) {
      if (schedules >= plan.limit) return finding(undefined, undefined, false);
      schedules += 1;
      const run = startRun(protocol, bounds);
      const fault = await follow(run, prefix, { seen, next: isLast ? undefined : next, attempts: plan.attempts });
      if (fault !== undefined) return finding(run, fault, true);
    }
    level = next;
  }
  for (let seed = 1; seed <= plan.walks && schedules < plan.limit; seed += 1) {
    schedules += 1;
    const run = startRun(protocol, bounds);
    const fault = await walk(run, seed);
    if (fault !== undefined) return finding(run, fault, true);
  }
  return finding(undefined, undefined, true);
}

/** Goes the prefix, then the plain way to the end or to a state that was seen with no fewer departures left. */
async function follow(
  run: Run,
  prefix: readonly Choice[],
  found: { readonly seen: Set<string>; readonly next: (readonly Choice[])[] | undefined; readonly attempts: number },
): Promise<string | undefined> {
  for (const choice of prefix) await run.step(choice);
  const schedule = [...prefix];
  const own = new Set<string>();
  for (;;) {
    if (run.isQuiet() && run.fault() !== undefined) return run.fault();
    const choices = run.choices();
    const [plain, ...others] = [...choices.plain, ...choices.faults];
    if (plain === undefined || run.world.next.attempt > found.attempts + 1) return undefined;
    const key = run.key();
    // The plain way from here leads back to here.
    if (own.has(key)) return "never quiet";
    if (found.seen.has(key)) return undefined;
    own.add(key);
    found.seen.add(key);
    for (const other of others) found.next?.push([...schedule, other]);
    schedule.push(plain);
    await run.step(plain);
  }
}

/** Each walk has its own likings: how often another goes on than the last, how often a fault happens. */
async function walk(run: Run, seed: number): Promise<string | undefined> {
  const random = randomOf(seed);
  const [switching, failing] = [random() ** 2, random() ** 3];
  for (let steps = 0; steps < endless; steps += 1) {
    if (run.isQuiet() && run.fault() !== undefined) return run.fault();
    const { plain, faults } = run.choices();
    if (plain.length === 0) return undefined;
    const from = faults.length > 0 && random() < failing ? faults : random() < switching ? plain : plain.slice(0, 1);
    await run.step(from[Math.floor(random() * from.length)] ?? "");
  }
  return "never quiet";
}

/** Numbers in [0, 1), the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = Math.imul(seed, 0x9e_37_79_b1);
  return () => {
    state = Math.trunc(state + 0x6d_2b_79_f5);
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
