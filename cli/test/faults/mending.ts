/** `airlake reconcile --repair` beside the storm, without a grace period, and what it finds when all is quiet. */
import { setTimeout as wait } from "node:timers/promises";

import { lookOnce } from "../../src/reconcile/look-once.ts";
import type { OpenedLake } from "../../src/opened-lake.ts";

/** No grace period: what reconciliation takes for abandoned may be in somebody's hand this very moment. */
const options = { grace: 0, quick: false, deleteMany: true };

/** How often each kind was found, and the first few of them. */
export interface Found {
  readonly counts: ReadonlyMap<string, number>;
  readonly samples: readonly string[];
}

/** Looks once, and mends what is off where that is wished. */
export async function look(opened: OpenedLake, repairs: "now" | "later"): Promise<Found> {
  const { signal } = new AbortController();
  const { groups } = await lookOnce(opened, { options, signal, tick: async () => {}, repairs });
  return {
    counts: new Map(groups.map(({ kind, count }) => [kind, count])),
    samples: groups.flatMap(({ kind, samples }) =>
      samples.slice(0, 3).map(({ what, source, detail }) => `${kind}: ${what} ${source} ${detail}`),
    ),
  };
}

export interface Mended {
  readonly looks: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** Mends again and again until it is told to stop; a pause is at least as long as a look. */
export function mendMeanwhile(opened: OpenedLake, everyMs: number): { stop(): Promise<Mended> } {
  const over = new AbortController();
  const counts = new Map<string, number>();
  let looks = 0;
  const mending = (async () => {
    for (;;) {
      const startedMs = Date.now();
      await wait(everyMs, undefined, { signal: over.signal }).catch(() => {});
      if (over.signal.aborted) return;
      const found = await look(opened, "now");
      looks += 1;
      for (const [kind, count] of found.counts) counts.set(kind, (counts.get(kind) ?? 0) + count);
      await wait(Date.now() - startedMs - everyMs, undefined, { signal: over.signal }).catch(() => {});
    }
  })();
  // Whoever stops it hears of it.
  mending.catch(() => {});
  return {
    async stop() {
      over.abort();
      await mending;
      return { looks, counts };
    },
  };
}
