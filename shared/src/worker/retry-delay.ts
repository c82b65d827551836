/** How long a failed message stays hidden before its next try. */
import { maxReceiveCount } from "../contracts/topology.ts";

/**
 * After the first, the second, … receive: soon for what passes at once (throttling, a lost race), then so late that a store which is away for
 * half an hour kills no message. Not later than 15 minutes, for what waits is not done when the trouble is over.
 */
const delaysSeconds = [2, 4, 8, 30, 120, 600, 900, 900, 900];

/** Whole seconds; `random` is in [0, 1) and keeps messages that failed together from coming back together. 0 after the last receive: SQS parks it. */
export function retryDelaySeconds(receiveCount: number, random: number): number {
  if (receiveCount >= maxReceiveCount) return 0;
  return Math.round((delaysSeconds[receiveCount - 1] ?? 0) * (0.5 + random / 2));
}
