/** Long polls of this process: who waits for which queue, woken when something is sent to it here. */

export interface Waiting {
  /** Resolves after `ms`, when it is woken, when the signal fires, or on close: whichever comes first. Never rejects. */
  wait(queueName: string, ms: number, signal: AbortSignal | undefined): Promise<void>;
  /** Wakes the one who has waited longest for each queue. Who finds something then wakes the next: one message rouses no crowd. */
  wake(queueNames: Iterable<string>): void;
  isAwaited(queueName: string): boolean;
  close(): void;
  closed(): boolean;
}

export function createWaiting(): Waiting {
  const sleepers = new Map<string, Set<() => void>>();
  let isClosed = false;
  return {
    wait: async (queueName, ms, signal) => {
      if (isClosed || signal?.aborted === true) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const mine = sleepers.get(queueName) ?? new Set();
      const rouse = (): void => {
        // At once, so that the next call wakes another.
        mine.delete(rouse);
        resolve();
      };
      const timer = setTimeout(rouse, ms);
      sleepers.set(queueName, mine.add(rouse));
      signal?.addEventListener("abort", rouse, { once: true });
      await promise;
      clearTimeout(timer);
      signal?.removeEventListener("abort", rouse);
    },
    wake: (queueNames) => {
      for (const name of queueNames) {
        const [first] = sleepers.get(name) ?? [];
        first?.();
      }
    },
    isAwaited: (queueName) => (sleepers.get(queueName)?.size ?? 0) > 0,
    close: () => {
      isClosed = true;
      for (const all of sleepers.values()) for (const rouse of [...all]) rouse();
    },
    closed: () => isClosed,
  };
}
