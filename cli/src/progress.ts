/** Shows how far a run is: one updated line on a terminal, a plain line every few seconds elsewhere. */
import type { Clock } from "@airlake/shared/clock";

import type { Out } from "./out.ts";

export interface Progress extends Disposable {
  /** Shows the text of `describe` where it is time to. */
  tick(describe: () => string | Promise<string>): Promise<void>;
}

const liveEveryMs = 100;
const plainEveryMs = 5000;

export function createProgress(out: Out, clock: Clock): Progress {
  // The first line comes at once where somebody looks, and only of a long run where nobody does.
  let shownAtMs = out.live ? -Infinity : clock.monotonicMs();
  let turn = 0;
  return {
    async tick(describe) {
      const nowMs = clock.monotonicMs();
      if (nowMs - shownAtMs < (out.live ? liveEveryMs : plainEveryMs)) return;
      shownAtMs = nowMs;
      const text = await describe();
      if (!out.live) {
        out.note(text);
        return;
      }
      turn += 1;
      out.status(`${spinner[turn % spinner.length] ?? ""} ${text}`);
    },
    [Symbol.dispose]: () => out.status(undefined),
  };
}

const spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
