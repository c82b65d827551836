/** Works that go on side by side until somebody wishes to stop. */

/** Runs them until the signal aborts, or one of them fails: then the others are stopped too, and its error is thrown. */
export async function allUntil(
  signal: AbortSignal,
  works: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop);
  const ends = await Promise.allSettled(
    works.map(async (work) => {
      try {
        await work(stopping.signal);
      } finally {
        stop();
      }
    }),
  );
  signal.removeEventListener("abort", stop);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
