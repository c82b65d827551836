/** A wait that can be cut short. */
import type { Clock } from "@airlake/shared/clock";

export interface Bell {
  /** Ends the wait that is under way, or else the next one at once. */
  readonly ring: () => void;
  /** Waits for the bell, at most so long. Infinity is a day. */
  wait(ms: number): Promise<void>;
}

const longestMs = 86_400_000;

export function createBell(clock: Clock): Bell {
  let abort = new AbortController();
  return {
    ring: () => abort.abort(),
    wait: async (ms) => {
      try {
        await clock.sleep(Math.min(Math.max(0, ms), longestMs), abort.signal);
      } catch (error) {
        if (!abort.signal.aborted) throw error;
      }
      abort = new AbortController();
    },
  };
}
