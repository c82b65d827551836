/** Looks through the whole lake once an hour, lightly, and says what is off; it mends nothing by itself. */
import type { Out } from "../out.ts";
import { typed } from "../hint.ts";
import type { OpenedLake } from "../opened-lake.ts";
import { lookOnce } from "../reconcile/look-once.ts";
import { counted } from "../text.ts";
import { createBell } from "./bell.ts";

const everyMs = 3_600_000;
/** Of a very large lake a look takes long, so there it is done less often. */
const share = 20;

/** Looks until the signal aborts; the first time an hour after the start. */
export async function reconcileHourly(opened: OpenedLake, out: Pick<Out, "note">, signal: AbortSignal): Promise<void> {
  const { clock } = opened;
  const bell = createBell(clock);
  signal.addEventListener("abort", bell.ring);
  let tookMs = 0;
  for (;;) {
    await bell.wait(Math.max(everyMs, tookMs * share));
    if (signal.aborted) break;
    const startMs = clock.monotonicMs();
    const text = await lookAndTell(opened, signal).catch((error: unknown) =>
      signal.aborted ? undefined : `The lake could not be looked through: ${String(error)}`,
    );
    if (text !== undefined) out.note(text);
    tookMs = clock.monotonicMs() - startMs;
  }
  signal.removeEventListener("abort", bell.ring);
}

/** A sentence where something is off. */
async function lookAndTell(opened: OpenedLake, signal: AbortSignal): Promise<string | undefined> {
  const options = { grace: 24, quick: true, deleteMany: false };
  const { groups } = await lookOnce(opened, { options, signal, tick: async () => {}, repairs: "later" });
  if (groups.length === 0) return undefined;
  const kinds = groups.map(({ kind, count }) => `${kind} ${count}`).join(", ");
  const total = groups.reduce((sum, { count }) => sum + count, 0);
  return `Something is off in the lake: ${counted(total, "finding")} (${kinds}). See: ${typed("airlake reconcile", opened.shown)}`;
}
