/** What a worker has in hand and what became of the last messages, for its health, status and metrics. */
import type { Clock } from "../clock.ts";

export type Settled = Readonly<Record<string, number | string | boolean | undefined>>;

export interface Tally {
  taken(messageId: string): void;
  settled(messageId: string, result: Settled): void;
  queueAnswered(): void;
  queueFailed(): void;
  snapshot(): TallySnapshot;
}

export interface TallySnapshot {
  readonly inHand: number;
  /** Messages by outcome since the start. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** The last twenty, newest first. */
  readonly last: readonly Settled[];
  /** Seconds since the queue last answered. */
  readonly queueSilentSeconds: number;
}

const remembered = 20;

export function createTally(clock: Clock): Tally {
  const hands = new Set<string>();
  const outcomes = new Map<string, number>();
  const last: Settled[] = [];
  let answeredAtMs = clock.monotonicMs();
  return {
    taken: (messageId) => {
      hands.add(messageId);
      answeredAtMs = clock.monotonicMs();
    },
    settled: (messageId, result) => {
      hands.delete(messageId);
      const outcome = String(result["outcome"]);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
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
      outcomes: Object.fromEntries(outcomes),
      last: [...last],
      queueSilentSeconds: Math.round((clock.monotonicMs() - answeredAtMs) / 1000),
    }),
  };
}
