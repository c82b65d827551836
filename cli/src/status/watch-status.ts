/** The status again and again: in place where somebody looks, else a line for each change. */
import { CommandError } from "../command-error.ts";
import { typed } from "../hint.ts";
import type { OpenedLake } from "../opened-lake.ts";
import type { Out } from "../out.ts";
import { grouped, printable } from "../text.ts";
import type { HealthAddress } from "./health-addresses.ts";
import { type Status, moment } from "./lake-status.ts";
import { fuseText, named, statusLines } from "./status-screen.ts";

export interface WatchDeps {
  readonly out: Out;
  readonly opened: OpenedLake;
  readonly addresses: readonly HealthAddress[];
  /** Aborts when the person has seen enough. */
  readonly signal: AbortSignal;
}

type Moment = Omit<Status, "ledger">;
/** An emulator that is restarted comes back: what watches it goes on. */
type Seen = Moment | { readonly trouble: string };

const lookEveryMs = 1000;

/** Until the signal. A lake that does not answer is told of, and looked at again. */
export async function watchStatus(deps: WatchDeps, json: boolean): Promise<void> {
  const { out, opened, signal } = deps;
  let before: ReadonlyMap<string, string> = new Map();
  let last: readonly string[] = [];
  while (!signal.aborted) {
    const seen = await lookNow(deps);
    if (signal.aborted) break;
    if (out.live && !json) {
      last = screenOf(deps, seen);
      out.status([...last, "", "Ctrl-C ends."].join("\n"));
    } else before = tellChanges(deps, { seen, before, json });
    // The wish to stop ends the pause.
    await opened.clock.sleep(lookEveryMs, signal).catch(() => {});
  }
  out.status(undefined);
  for (const text of last) out.line(text);
}

async function lookNow({ opened, addresses, signal }: WatchDeps): Promise<Seen> {
  try {
    return await moment(opened, addresses, signal);
  } catch (error) {
    if (signal.aborted) return { trouble: "" };
    if (error instanceof CommandError) return { trouble: error.message };
    throw error;
  }
}

/** Without colours: a line that is updated is cut by its length. */
function screenOf({ out, opened }: WatchDeps, seen: Seen): readonly string[] {
  if ("trouble" in seen) return [seen.trouble];
  const look = {
    width: out.noteColumns - 1,
    style: plain,
    now: opened.clock.now(),
    isFolder: opened.lake !== undefined,
    fuseCommand: typed("airlake fuse", opened.shown),
  };
  return statusLines(seen, look);
}

const same = (text: string): string => text;
const plain = { bold: same, dim: same, red: same, green: same, yellow: same };

/** Prints what is other than before; gives what is now. */
function tellChanges(
  { out, opened }: WatchDeps,
  { seen, before, json }: { readonly seen: Seen; readonly before: ReadonlyMap<string, string>; readonly json: boolean },
): ReadonlyMap<string, string> {
  const now = "trouble" in seen ? new Map([["lake", seen.trouble]]) : factsOf(seen);
  const changed = [...now].filter(([name, text]) => before.get(name) !== text);
  const gone = "trouble" in seen ? [] : [...before.keys()].filter((name) => !now.has(name) && name !== "lake");
  if (changed.length === 0 && gone.length === 0) return now;
  const at = opened.clock.now().toISOString();
  if (json) out.line(JSON.stringify({ at, ...seen }));
  else {
    for (const [name, text] of changed) out.line(`${at.slice(0, 19)}Z  ${name}: ${printable(text)}`);
    for (const name of gone) out.line(`${at.slice(0, 19)}Z  ${name}: gone`);
  }
  return now;
}

/** What is worth a line when it changes, by name: no ages and rates, which always change. */
function factsOf({ services, queues, blown }: Moment): ReadonlyMap<string, string> {
  const ofServices = services.map((service) => {
    const why = service.reasons.filter((reason) => reason !== service.state);
    return [named(service), [service.state, ...why].join(", ")] as const;
  });
  const ofQueues = queues.map(({ queue, waiting, inHand, parked }) => {
    const counts = `${grouped(waiting)} waiting, ${grouped(inHand)} in hand, ${grouped(parked)} parked`;
    return [`queue ${queue}`, counts] as const;
  });
  const ofFuses = blown.map((fuse) => [`fuse ${fuse.dataset}`, fuseText(fuse)] as const);
  return new Map([...ofServices, ...ofQueues, ...ofFuses]);
}
