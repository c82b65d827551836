/** One process of a worker that dies at every step of its work at once: each of its sources stops before another one. */
import { expect } from "vitest";

import { type Pipeline, startPipeline } from "../pipeline/pipeline.ts";
import { type WorkerName, startPlain, startVictim, workerNames } from "./children.ts";
import { type Change, apply, passThrough, prepare, stateOf, unregistered, untilQuiet, valuesAfter } from "./lakes.ts";
import type { Snare, Step } from "./trap.ts";

/** The steps of one round in which a source changes, in their order. */
export type Rounds = Partial<Readonly<Record<Change, readonly (Step | readonly [Step, number])[]>>>;

interface Case {
  readonly key: string;
  readonly change: Change;
  readonly snare: Snare | undefined;
}

/** Every case's source, and one of each change that no snare waits for. */
function casesOf(rounds: Rounds, how: Snare["how"]): readonly Case[] {
  return Object.entries(rounds).flatMap(([name, steps]) => {
    const change = name as Change;
    const cases = steps.map((one): Case => {
      const [step, after] = typeof one === "string" ? [one, 0] : one;
      const key = `openaq/${change}/${step.replace(" ", "-")}-${after}.csv`;
      return { key, change, snare: { key, step, how, after } };
    });
    return [...cases, { key: `openaq/${change}/untouched.csv`, change, snare: undefined }];
  });
}

/**
 * Has a worker meet its snares, kills it where it is to stop, starts plain workers, and waits until all is quiet. Then every source must
 * be as the one of its kind that met none, every part be named, and every partition be known.
 */
export async function endure(
  worker: Exclude<WorkerName, "catalog-sync">,
  rounds: Rounds,
  how: "stop" | "refuse",
): Promise<void> {
  const cases = casesOf(rounds, how);
  const snares = cases.flatMap(({ snare }) => snare ?? []);
  await using closing = new AsyncDisposableStack();
  const pipeline = closing.use(
    await startPipeline({ services: false, env: { CONCURRENCY: "8", VISIBILITY_TIMEOUT_SECONDS: "10" } }),
  );
  for (const { key, change } of cases) await prepare(pipeline, change, key);
  await passThrough(pipeline, workerNames);

  for (const { key, change } of cases) await apply(pipeline, change, key);
  if (worker === "joiner") await passThrough(pipeline, ["cleaner"]);
  const victim = closing.use(
    startVictim(pipeline, worker, snares, { CONCURRENCY: "64", VISIBILITY_TIMEOUT_SECONDS: "4" }),
  );
  const missing = (): readonly string[] =>
    snares.filter(({ key, step }) => victim.count(key, step) === 0).map(({ key }) => key);
  await expect.poll(missing, { timeout: 40_000, interval: 50 }).toEqual([]);
  if (how === "stop") expect(await victim.end("SIGKILL")).toEqual({ code: null, signal: "SIGKILL" });

  for (const name of workerNames) {
    if (how === "stop" || name !== worker) closing.use(startPlain(pipeline, name));
  }
  await untilQuiet(pipeline, workerNames);
  await holds(pipeline, cases);
}

async function holds(pipeline: Pipeline, cases: readonly Case[]): Promise<void> {
  const keys = cases.map(({ key }) => key);
  const states = await stateOf(pipeline, keys);
  const differing = cases.filter(({ key, change }) => {
    const untouched = states.get(`openaq/${change}/untouched.csv`);
    return JSON.stringify(states.get(key)) !== JSON.stringify(untouched);
  });

  for (const [change, values] of Object.entries(valuesAfter)) {
    const untouched = states.get(`openaq/${change}/untouched.csv`);
    if (untouched !== undefined) expect(untouched).toMatchObject({ values: values.map((value) => ({ value })) });
  }
  expect(differing.map(({ key }) => [key, states.get(key)])).toEqual([]);
  expect(await pipeline.unnamed()).toEqual([]);
  expect(await unregistered(pipeline, keys)).toEqual([]);
  const parked = (await pipeline.lake.take(pipeline.queues.clean.deadLetterUrl)).map(({ body }) => body);
  const spoilt = keys.filter((key) => key.includes("/spoils/"));
  expect(spoilt.filter((key) => !parked.some((body) => body.includes(key)))).toEqual([]);
  expect(parked.filter((body) => !spoilt.some((key) => body.includes(key)))).toEqual([]);
}
