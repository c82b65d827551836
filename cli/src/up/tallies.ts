/** Counts what the services have done, from their log lines. */
import type { LogLine } from "./log-line.ts";

/** One service's messages since the start. */
export interface ServiceTally {
  readonly done: number;
  /** Nothing was to be done. */
  readonly skipped: number;
  readonly rejected: number;
  /** Failed and not settled since: they come again. */
  readonly failing: number;
}

export interface Tallies {
  add(line: LogLine): void;
  of(service: string): ServiceTally;
}

const none: Omit<ServiceTally, "failing"> = { done: 0, skipped: 0, rejected: 0 };

export function createTallies(): Tallies {
  const counts = new Map<string, Omit<ServiceTally, "failing">>();
  const failing = new Map<string, string>();
  return {
    add: (line) => {
      if (!line.isSettled) return void failing.set(line.messageId, line.service);
      failing.delete(line.messageId);
      const { outcome } = line;
      if (outcome !== "done" && outcome !== "skipped" && outcome !== "rejected") return;
      const before = counts.get(line.service) ?? none;
      counts.set(line.service, { ...before, [outcome]: before[outcome] + 1 });
    },
    of: (service) => ({
      ...(counts.get(service) ?? none),
      failing: [...failing.values()].filter((one) => one === service).length,
    }),
  };
}
