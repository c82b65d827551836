/** How long each service's DuckDB statements run, told apart by who started them. */
import { AsyncLocalStorage } from "node:async_hooks";

import { openDuckDb } from "../shared/src/duckdb.ts";
import { type Spent, startStopwatch } from "./measure.ts";

export interface EngineMeter {
  /** Statements started in here, or by what is started in here, count for `name`. */
  as<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Time during which at least one statement of `name` ran, since the last call. */
  take(name: string): Spent;
}

interface Meter {
  running: number;
  stopwatch: () => Spent;
  spent: Spent;
}

/** Wraps the methods of all DuckDB connections of this process that run statements. `folder` is any that exists. */
export async function createEngineMeter(folder: string): Promise<EngineMeter> {
  const owner = new AsyncLocalStorage<string>();
  const meters = new Map<string, Meter>();
  const none = { wall: 0, cpu: 0 };
  const meterOf = (name: string): Meter => {
    const meter = meters.get(name) ?? { running: 0, stopwatch: startStopwatch(), spent: none };
    meters.set(name, meter);
    return meter;
  };
  const around = async (statement: () => Promise<unknown>): Promise<unknown> => {
    const meter = meterOf(owner.getStore() ?? "");
    if (meter.running === 0) meter.stopwatch = startStopwatch();
    meter.running += 1;
    try {
      return await statement();
    } finally {
      meter.running -= 1;
      const { wall, cpu } = meter.running === 0 ? meter.stopwatch() : none;
      meter.spent = { wall: meter.spent.wall + wall, cpu: meter.spent.cpu + cpu };
    }
  };
  using duckdb = await openDuckDb({ threads: 1, memoryLimitMb: 64, scratch: folder });
  using session = await duckdb.connect(new AbortController().signal);
  const prepared = await session.connection.prepare("SELECT 1");
  for (const one of [session.connection, prepared]) wrapMethods(Object.getPrototypeOf(one), around);
  return {
    as: async (name, work) => owner.run(name, work),
    take: (name) => {
      const { spent } = meterOf(name);
      meterOf(name).spent = none;
      return spent;
    },
  };
}

function wrapMethods(prototype: object, around: (call: () => Promise<unknown>) => Promise<unknown>): void {
  for (const name of Object.getOwnPropertyNames(prototype).filter((one) => /^(run|stream)/u.test(one))) {
    const method: unknown = Reflect.get(prototype, name);
    if (typeof method !== "function") continue;
    Reflect.set(prototype, name, async function wrapped(this: unknown, ...args: unknown[]): Promise<unknown> {
      return around(async () => Reflect.apply(method, this, args));
    });
  }
}
