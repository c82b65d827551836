/** Time, ids and waiting, passed in as one dependency so that tests decide them. */
import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";

export interface Clock {
  /** The wall clock, for people and records. */
  now(): Date;
  /** Milliseconds that never jump, for durations and leases. */
  monotonicMs(): number;
  /** A new id: 16 hex characters, 62 random bits. */
  newId(): string;
  /** A number in [0, 1), for jitter. */
  random(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The real clock. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  newId: () => randomUUID().slice(19).replace("-", ""),
  random: () => Math.random(),
  sleep: async (ms, signal) => {
    await wait(ms, undefined, signal === undefined ? {} : { signal });
  },
};
