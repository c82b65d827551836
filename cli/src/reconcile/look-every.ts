/** The same look again and again, until it is stopped: what a scheduler would do, where there is none. */
import type { Clock } from "@airlake/shared/clock";

import { CommandError } from "../command-error.ts";
import type { Out } from "../out.ts";

export interface EveryDeps {
  readonly clock: Clock;
  readonly out: Out;
  /** One look, told of. */
  readonly look: () => Promise<unknown>;
  /** Aborts when it is enough. */
  readonly signal: AbortSignal;
}

/** Looks at once, and again so many seconds after each look. A store that is away is told of, and asked again the next time. */
export async function lookEvery(deps: EveryDeps, seconds: number, json: boolean): Promise<void> {
  const { clock, out, signal } = deps;
  while (!signal.aborted) {
    try {
      await deps.look();
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      if (json) out.line(JSON.stringify({ at: clock.now().toISOString(), trouble: error.message }));
      else out.note(`${error.message} Looks again in ${seconds} s.`);
    }
    // The wish to stop ends the pause.
    await clock.sleep(seconds * 1000, signal).catch(() => {});
  }
}
