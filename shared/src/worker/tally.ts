/** What a worker has in hand and what became of the last messages, for its health, status and metrics. */
import type { Clock } from "../clock.ts";
import type { About } from "./about-message.ts";

export type Settled = Readonly<Record<string, number | string | boolean | undefined>>;

export interface Tally {
  taken(messageId: string, about: About): void;
  settled(messageId: string, result: Settled): void;
  queueAnswered(): void;
  queueFailed(): void;
  snapshot(): TallySnapshot;
}

export interface TallySnapshot {
  /** How many messages are being worked on. */
  readonly inHand: number;
  /** Those, longest first. */
  readonly hands: readonly InHand[];
  /** Messages by outcome since the start. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Messages settled or failed in the last sixty seconds. */
  readonly lastMinute: number;
  /** The last twenty, newest first. */
  readonly last: readonly Settled[];
  /** Failed messages since the last one that did not fail. */
  readonly failuresInARow: number;
  /** Seconds since the queue last answered. */
  readonly queueSilentSeconds: number;
}

/** A message that is being worked on. */
export interface InHand extends About {
  readonly messageId: string;
  readonly seconds: number;
}

const remembered = 20;
const minute = 60;

export function createTally(clock: Clock): Tally {
  const hands = new Map<string, About & { readonly sinceMs: number }>();
  const outcomes = new Map<string, number>();
  const last: Settled[] = [];
  const rate = createRate();
  const nowSeconds = (): number => Math.floor(clock.monotonicMs() / 1000);
  let failuresInARow = 0;
  let answeredAtMs = clock.monotonicMs();
  return {
    taken: (messageId, about) => {
      hands.set(messageId, { ...about, sinceMs: clock.monotonicMs() });
      answeredAtMs = clock.monotonicMs();
    },
    settled: (messageId, result) => {
      hands.delete(messageId);
      const outcome = String(result["outcome"]);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      failuresInARow = outcome === "failed" ? failuresInARow + 1 : 0;
      rate.count(nowSeconds());
      last.unshift({ at: clock.now().toISOString(), messageId, ...result });
      last.length = Math.min(last.length, remembered);
    },
    queueAnswered: () => {
      answeredAtMs = clock.monotonicMs();
    },
    queueFailed: () => {
      outcomes.set("queue-failed", (outcomes.get("queue-failed") ?? 0) + 1);
    },
    snapshot: () => ({
      inHand: hands.size,
      hands: [...hands].map(([messageId, { sinceMs, ...about }]) => ({
        messageId,
        ...about,
        seconds: Math.round((clock.monotonicMs() - sinceMs) / 1000),
      })),
      outcomes: Object.fromEntries(outcomes),
      lastMinute: rate.sum(nowSeconds()),
      last: [...last],
      failuresInARow,
      queueSilentSeconds: Math.round((clock.monotonicMs() - answeredAtMs) / 1000),
    }),
  };
}

/** Counts by second, and forgets what is older than a minute. */
function createRate(): { count(second: number): void; sum(second: number): number } {
  const counts = new Map<number, number>();
  const forget = (second: number): void => {
    for (const one of counts.keys()) if (one <= second - minute) counts.delete(one);
  };
  return {
    count(second) {
      forget(second);
      counts.set(second, (counts.get(second) ?? 0) + 1);
    },
    sum(second) {
      forget(second);
      return [...counts.values()].reduce((total, one) => total + one, 0);
    },
  };
}
