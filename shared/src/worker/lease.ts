/** How long a worker may act on a message: until its visibility could run out, or its attempt's deadline. */
import type { Clock } from "../clock.ts";
import { TransientError } from "../errors.ts";

export interface Lease {
  /** True when the message is, or may soon be, with somebody else: start nothing more, never acknowledge. */
  isOver(): boolean;
  /** Throws a TransientError when the lease is over. */
  check(): void;
}

export interface HeldLease extends Lease {
  /** The queue has granted the visibility anew; `askedAtMs` is the monotonic time before the request went out. */
  renewed(askedAtMs: number): void;
}

/** A lease that begins with the receive. `marginMs` is kept back for steps under way. */
export function createLease(
  clock: Clock,
  options: {
    readonly receivedAtMs: number;
    readonly visibilityMs: number;
    readonly marginMs: number;
    readonly deadlineMs: number;
  },
): HeldLease {
  let grantedAtMs = options.receivedAtMs;
  const isOver = (): boolean => {
    const nowMs = clock.monotonicMs();
    return (
      nowMs > grantedAtMs + options.visibilityMs - options.marginMs || nowMs > options.receivedAtMs + options.deadlineMs
    );
  };
  return {
    isOver,
    check: () => {
      if (isOver()) throw new TransientError("the lease on the message is over; another worker may have it");
    },
    renewed: (askedAtMs) => {
      // A request that was sent when the lease was already over says nothing: the message may have been with another since.
      if (!isOver()) grantedAtMs = Math.max(grantedAtMs, askedAtMs);
    },
  };
}
