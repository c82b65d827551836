/** How much one source may ask of the joiner, and one message of its queue. */
import type { Wanted } from "@airlake/shared/stage/types";

/**
 * Partitions of one source. Each is a part, a line of the manifest, which is read and written whole, and two requests: ten thousand are a
 * manifest of 3 MB, and more than three times what a source of every country and month of a year has.
 */
export const mostPartitions = 10_000;

/** In UTF-8, of the partitions that one message names: with the rest of it, within the 256 KiB that queues of old allow. */
const namedBytes = 200_000;

/** The partitions, cut into what one message may name; one message also where there are none. */
export function messagesOf(partitions: readonly string[]): readonly (readonly string[])[] {
  const messages: string[][] = [[]];
  let left = namedBytes;
  for (const partition of partitions) {
    // With its quotes and its comma. Names and values of partitions have no sign that JSON escapes.
    const bytes = partition.length + 3;
    if (bytes > left) {
      messages.push([]);
      left = namedBytes;
    }
    messages.at(-1)?.push(partition);
    left -= bytes;
  }
  return messages;
}

export function tooManyPartitions(partitions: number): Extract<Wanted, { kind: "rejected" }> {
  return {
    kind: "rejected",
    reason: "too-many-partitions",
    detail: `Its rows lie in ${partitions} partitions; ${mostPartitions} is the most that one source may have. Split it by time or place, and put the pieces.`,
  };
}
