/** Work on many things, a few at a time. */

/** The results in the order of the items; at most `limit` under way at once. The first failure ends it, after those under way. */
export async function mapBounded<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, at: number) => Promise<R>,
): Promise<readonly R[]> {
  const results = new Map<number, R>();
  let next = 0;
  let failed = false;
  const take = async (): Promise<void> => {
    for (let at = next; at < items.length && !failed; at = next) {
      next = at + 1;
      const item = items[at];
      if (item === undefined) continue;
      try {
        results.set(at, await work(item, at));
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, take));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return [...results.entries()].toSorted(([a], [b]) => a - b).map(([, result]) => result);
}
