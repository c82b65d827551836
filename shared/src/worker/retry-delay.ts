/** How long a failed message stays hidden before its next try. */

/**
 * After the first, the second, … receive: soon for what passes at once (throttling, a lost race), then so late that a store which is away for
 * half an hour kills no message. Not later than 15 minutes, for what waits is not done when the trouble is over. After the last of ten
 * receives nothing is to be waited for: SQS parks the message when it is asked for again.
 */
const delaysSeconds = [2, 4, 8, 30, 300, 600, 900, 900, 900, 0];

/** On a queue that parks later than ours, or never: without a wait a message that fails would go round as fast as it can. */
const laterSeconds = 900;

/** Whole seconds; `random` is in [0, 1) and keeps messages that failed together from coming back together. */
export function retryDelaySeconds(receiveCount: number, random: number): number {
  return Math.round((delaysSeconds[receiveCount - 1] ?? laterSeconds) * (0.5 + random / 2));
}
