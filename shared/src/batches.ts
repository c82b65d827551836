/** Work on several small things in one go, and on few large ones at once. */

export interface Batches<Job, Result> {
  /** Does a job, alone or with others. Throws what the job threw. */
  add(job: Job): Promise<Result>;
}

interface Waiting<Job, Result> {
  readonly job: Job;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * `run` takes at most `most` jobs and gives their results in order. Where it fails on several jobs, each is run alone, so that a job
 * fails only by its own fault. Nothing waits for company: a job that comes alone is run at once, and what comes meanwhile is the
 * next batch.
 */
export function createBatches<Job, Result>(
  most: number,
  run: (jobs: readonly Job[]) => Promise<readonly Result[]>,
): Batches<Job, Result> {
  const waiting: Waiting<Job, Result>[] = [];
  let running = false;

  const settle = async (batch: readonly Waiting<Job, Result>[]): Promise<void> => {
    try {
      const results = await run(batch.map(({ job }) => job));
      if (results.length !== batch.length) throw new Error(`${results.length} results for ${batch.length} jobs`);
      for (const [at, result] of results.entries()) batch[at]?.resolve(result);
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(error);
      else for (const one of batch) await settle([one]);
    }
  };

  const work = async (): Promise<void> => {
    running = true;
    while (waiting.length > 0) await settle(waiting.splice(0, most));
    running = false;
  };

  return {
    add: async (job) =>
      new Promise((resolve, reject) => {
        waiting.push({ job, resolve, reject });
        if (!running) void work();
      }),
  };
}

/** Lets so many pieces of work run at once; the others wait for their turn, in order. */
export function createSlots(count: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = count;
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
