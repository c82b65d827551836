/** The same look again and again, until it is stopped: what a scheduler would do, where there is none. */
import type { Clock } from "@airlake/shared/clock";
import { isTransient } from "@airlake/shared/errors";

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

/** Looks at once, and again so many seconds after each look. A store that is away, or breaks off, is told of, and asked again the next time. */
export async function lookEvery(deps: EveryDeps, seconds: number, json: boolean): Promise<void> {
  const { clock, out, signal } = deps;
  while (!signal.aborted) {
    try {
      await deps.look();
    } catch (error) {
      const trouble = troubleOf(error);
      if (trouble === undefined) throw error;
      if (json) out.line(JSON.stringify({ at: clock.now().toISOString(), trouble }));
      else out.note(`${trouble} Looks again in ${seconds} s.`);
    }
    await clock.sleep(seconds * 1000, signal).catch((error: unknown) => {
      // The wish to stop ends the pause.
      if (!signal.aborted) throw error;
    });
  }
}

/** A sentence for what may be over the next time; undefined for a defect. */
function troubleOf(error: unknown): string | undefined {
  if (error instanceof CommandError) return error.message;
  // Such as a connection that is reset in the middle of an answer.
  if (error instanceof Error && isTransient(error)) return `The look broke off (${error.message}).`;
  return undefined;
}
