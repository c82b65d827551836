/** Looks into the boxes of a lake: what is there, held until it is released, and what the ledger knows about it. */
import type { OpenedLake } from "../opened-lake.ts";
import { placeOf } from "../ledger.ts";
import { depthOf } from "../pipeline.ts";
import { type Dead, deadInBox } from "./dead.ts";
import { type StoredFailure, readFailureLedger } from "./failure-ledger.ts";
import { type Hold, holdAll, holdSecondsFor } from "./hold.ts";
import type { Box } from "./stages.ts";

export interface Look {
  readonly dead: readonly Dead[];
  readonly boxes: readonly LookedBox[];
  readonly failures: readonly StoredFailure[];
  /** The longest time for which a message could be hidden from others by this look. */
  readonly hiddenSeconds: number;
}

export interface LookedBox {
  readonly box: Box;
  readonly hold: Hold;
  /** Open records of the stage whose message was not there. */
  readonly unseen: readonly StoredFailure[];
  /** Nothing was on its way from the source queue when the look began. */
  readonly sourceIsEmpty: boolean;
  /** Messages that were in somebody's hands, or come back later. */
  readonly elsewhere: number;
}

/** Receives everything that is visible in these boxes. The caller releases it. */
export async function lookInto(opened: OpenedLake, boxes: readonly Box[], signal: AbortSignal): Promise<Look> {
  const ends = await Promise.allSettled(boxes.map(async (box) => ({ box, ...(await holdBox(opened, box, signal)) })));
  const held = ends.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
  try {
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    // After the messages: the record of each is there before it is parked.
    const failures = await readFailureLedger(placeOf(opened), opened.clock.now());
    const looked = held.map((one) => ({ ...one, ...deadInBox(one.box, one.hold.messages, failures) }));
    return {
      dead: looked.flatMap(({ found }) => found),
      boxes: looked,
      failures,
      hiddenSeconds: Math.max(0, ...held.map(({ hold }) => (hold.messages.length === 0 ? 0 : hold.holdSeconds))),
    };
  } catch (error) {
    await Promise.all(held.map(async ({ hold }) => hold.release()));
    throw error;
  }
}

async function holdBox(
  opened: OpenedLake,
  box: Box,
  signal: AbortSignal,
): Promise<Pick<LookedBox, "hold" | "sourceIsEmpty" | "elsewhere">> {
  const [source, depth] = [await depthOf(opened, box.sourceUrl), await depthOf(opened, box.url)];
  const hold = await holdAll(opened, {
    url: box.url,
    holdSeconds: holdSecondsFor(depth.waiting + depth.inHand),
    // The queues of a folder are one file, which answers for all of its messages at once.
    waitSeconds: opened.lake === undefined ? 1 : 0,
    signal,
  });
  return { hold, sourceIsEmpty: source.waiting + source.inHand === 0, elsewhere: depth.inHand };
}

/** Lets go of everything but these. */
export async function releaseOthers(look: Look, kept: readonly Dead[] = []): Promise<void> {
  const keeps = new Set(kept.map(({ message }) => message?.MessageId));
  for (const { hold } of look.boxes) {
    const ids = hold.messages.flatMap(({ MessageId: id }) => (id === undefined || keeps.has(id) ? [] : [id]));
    await hold.release(ids);
  }
}
