/** The story of `put`: files into the raw bucket of a lake whose services run by themselves, and what becomes of them. */
import type { Clock } from "@airlake/shared/clock";

import { type Seen, accountOf, discrepancies } from "./account.ts";
import type { NamedSource } from "./named-sources.ts";
import { type Before, type BringDeps, type RunReport, bringIn, isOpen, look, withParked } from "./run-files.ts";
import { counted, grouped } from "./text.ts";

/** A file that is in raw now. */
export interface PutFile {
  readonly key: string;
  readonly sizeBytes: number;
  /** "same": the bucket held these bytes already, and nothing was sent. */
  readonly was: "uploaded" | "same";
}

/** Brings the files in. Sorted as they were given; those that a wish to stop left out are missing. */
export async function putFiles(deps: BringDeps, sources: readonly NamedSource[]): Promise<readonly PutFile[]> {
  const done = new Map<string, PutFile["was"]>();
  await bringIn(deps, sources, ({ key }, was) => void done.set(key, was));
  return sources.flatMap(({ key, sizeBytes }) => {
    const was = done.get(key);
    return was === undefined ? [] : [{ key, sizeBytes, was }];
  });
}

/** Between two looks at the ledger; half of the time at most is spent on looking. */
const lookEveryMs = 500;
/** Failure records are many where many files are no good: they are looked through less often. */
const parkedEveryMs = 3000;

export interface Fates {
  readonly report: RunReport;
  /** Sources of which it is not known yet. */
  readonly open: number;
}

/** Waits until the ledger says what became of each source; until `timeoutMs` have passed, or the signal. */
export async function untilFatesKnown(
  deps: BringDeps & { readonly clock: Clock },
  before: Before,
  timeoutMs: number,
): Promise<Fates> {
  const { clock, opened, progress, signal } = deps;
  const untilMs = clock.monotonicMs() + timeoutMs;
  const known = new Map<string, Seen>();
  let parkedAtMs = clock.monotonicMs();
  for (;;) {
    const startMs = clock.monotonicMs();
    const ends = startMs >= untilMs || signal.aborted;
    const left = { ...before, keys: before.keys.filter((key) => !known.has(key)) };
    let seen = await look(opened, left);
    if (ends || startMs - parkedAtMs > parkedEveryMs) {
      seen = await withParked(opened, left, seen);
      parkedAtMs = clock.monotonicMs();
    }
    for (const one of seen) if (ends || isKnown(one)) known.set(one.key, one);
    const open = seen.filter((one) => !isKnown(one)).length;
    if (ends || open === 0) return { report: reportOf(before.keys, known), open };
    await progress.tick(
      () => `${grouped(before.keys.length - open)} of ${counted(before.keys.length, "source")} through`,
    );
    // A wish to stop ends the pause; it is seen above.
    await clock.sleep(Math.max(lookEveryMs, clock.monotonicMs() - startMs), signal).catch(() => {});
  }
}

/** What is parked comes back only when somebody sends it again. */
function isKnown(seen: Seen): boolean {
  return seen.parked !== undefined || !isOpen(seen);
}

function reportOf(keys: readonly string[], known: ReadonlyMap<string, Seen>): RunReport {
  const seen = keys.flatMap((key) => known.get(key) ?? []);
  const accounts = seen.map(accountOf);
  return { accounts, discrepancies: discrepancies(seen, accounts) };
}
