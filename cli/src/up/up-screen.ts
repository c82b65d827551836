/** Follows the services and shows how they are. */
import type { QueueRole } from "@airlake/shared/contracts/topology";

import type { EmbeddedLake } from "../embedded.ts";
import type { Out } from "../out.ts";
import { depthOf } from "../pipeline.ts";
import { printable } from "../text.ts";
import type { FailedMessage } from "../watch.ts";
import { serviceNames } from "./health-ports.ts";
import { readLogLine } from "./log-line.ts";
import { type SettledSource, createSettledSources } from "./settled-sources.ts";
import { createTallies } from "./tallies.ts";
import { type BlockFacts, blockLines, settledText } from "./up-text.ts";

/** What is asked while it is shown. */
export interface Shown {
  readonly opened: EmbeddedLake;
  readonly failed: () => readonly FailedMessage[];
  readonly drop: () => BlockFacts["drop"];
}

export interface UpScreen {
  /** Takes a line of a service's log. */
  readonly take: (line: string) => void;
  /** Shows what goes on until the signal aborts. */
  run(shown: Shown, signal: AbortSignal): Promise<void>;
}

const everyMs = 200;
const lastShown = 3;

/** On a terminal: the block, and lines for what was rejected; elsewhere a line for each source; with `json` an object for each. */
export function createUpScreen(out: Out, json: boolean): UpScreen {
  const tallies = createTallies();
  const settledBy = createSettledSources();
  const last: SettledSource[] = [];
  const told = new Set<string>();
  return {
    take: (text) => {
      const line = readLogLine(text);
      if (line === undefined) return;
      tallies.add(line);
      const settled = settledBy(line);
      if (settled === undefined) return;
      last.unshift(settled);
      last.length = Math.min(last.length, lastShown);
      if (json) out.line(JSON.stringify(settled));
      else if (!out.live || settled.outcome === "rejected") out.line(settledText(settled, out.style));
    },
    run: async ({ opened, failed, drop }, signal) => {
      while (!signal.aborted) {
        for (const message of failed()) tellOnce(out, told, message);
        if (out.live) {
          const depths = await byRole(async (role) => depthOf(opened, opened.queues[role].url));
          const counts = await byRole(async (role) => tallies.of(serviceNames[role]));
          const facts = { depths, tallies: counts, drop: drop(), last };
          out.status(blockLines(facts, out.noteColumns - 1, lastShown).join("\n"));
        }
        await opened.clock.sleep(everyMs);
      }
      out.status(undefined);
    },
  };
}

function tellOnce(out: Out, told: Set<string>, { messageId, keys, error }: FailedMessage): void {
  if (told.has(messageId)) return;
  told.add(messageId);
  const [first = ""] = error.split("\n");
  out.note(
    `${out.noteStyle.yellow("failed")}  ${keys.map(printable).join(", ")}, and comes again: ${printable(first)}`,
  );
}

async function byRole<T>(ask: (role: QueueRole) => Promise<T>): Promise<Readonly<Record<QueueRole, T>>> {
  const [ingest, clean, join, catalog] = await Promise.all([ask("ingest"), ask("clean"), ask("join"), ask("catalog")]);
  return { ingest, clean, join, catalog };
}
