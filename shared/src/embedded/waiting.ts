/** Long polls of this process: who waits for which queue, woken when something is sent to it here. */

export interface Waiting {
  /** Resolves after `ms`, when the queue is woken, when the signal fires, or on close: whichever comes first. Never rejects. */
  wait(queueName: string, ms: number, signal: AbortSignal | undefined): Promise<void>;
  wake(queueNames: Iterable<string>): void;
  close(): void;
  closed(): boolean;
}

export function createWaiting(): Waiting {
  const sleepers = new Map<string, Set<() => void>>();
  let isClosed = false;
  const wake = (queueNames: Iterable<string>): void => {
    for (const name of queueNames) for (const rouse of [...(sleepers.get(name) ?? [])]) rouse();
  };
  return {
    wait: async (queueName, ms, signal) => {
      if (isClosed || signal?.aborted === true) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      const onAbort = (): void => resolve();
      const mine = sleepers.get(queueName) ?? new Set();
      sleepers.set(queueName, mine.add(onAbort));
      signal?.addEventListener("abort", onAbort, { once: true });
      await promise;
      clearTimeout(timer);
      mine.delete(onAbort);
      signal?.removeEventListener("abort", onAbort);
    },
    wake,
    close: () => {
      isClosed = true;
      wake([...sleepers.keys()]);
    },
    closed: () => isClosed,
  };
}
