/** Looks through raw now and then: what was put there, changed or taken away by hand told nobody, and is told of by the listing. */
import type { Clock } from "@airlake/shared/clock";

import { type LedgerPlace, listKeys } from "../ledger.ts";
import { createBell } from "./bell.ts";

/** How often; of a large lake the listing itself takes seconds, so there it is done less often. */
const everyMs = 5000;
const share = 20;

export interface MendDeps {
  readonly clock: Clock;
  readonly place: LedgerPlace;
  readonly rawBucket: string;
  /** A listing that failed; the next one may do better. */
  readonly failed: (error: unknown) => void;
}

/** Lists raw until the signal aborts. */
export async function mendRaw(deps: MendDeps, signal: AbortSignal): Promise<void> {
  const { clock } = deps;
  const bell = createBell(clock);
  signal.addEventListener("abort", bell.ring);
  while (!signal.aborted) {
    const startMs = clock.monotonicMs();
    try {
      await lookThrough(deps, signal);
    } catch (error) {
      deps.failed(error);
    }
    await bell.wait(Math.max(everyMs, (clock.monotonicMs() - startMs) * share));
  }
  signal.removeEventListener("abort", bell.ring);
}

/** Reading the pages is all: whatever differs is mended by the listing. */
async function lookThrough({ place, rawBucket }: MendDeps, signal: AbortSignal): Promise<void> {
  for await (const _page of listKeys(place, "", rawBucket)) if (signal.aborted) return;
}
