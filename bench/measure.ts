/** Wall time, CPU time and memory, and how far other programs of the machine were in the way. */
import { readFileSync } from "node:fs";

/** What something took, in seconds. CPU time is of the whole process, all threads. */
export interface Spent {
  readonly wall: number;
  readonly cpu: number;
}

export function startStopwatch(): () => Spent {
  const cpuFrom = process.cpuUsage();
  const from = performance.now();
  return () => {
    const { user, system } = process.cpuUsage(cpuFrom);
    return { wall: (performance.now() - from) / 1000, cpu: (user + system) / 1e6 };
  };
}

export async function timed(work: () => Promise<unknown>): Promise<Spent> {
  const spent = startStopwatch();
  await work();
  return spent();
}

/** The value below which that share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export function median<T>(list: readonly T[], of: (one: T) => number): number {
  return quantile(list.map(of), 0.5);
}

export function medianSpent<T>(list: readonly T[], of: (one: T) => Spent): Spent {
  return { wall: median(list, (one) => of(one).wall), cpu: median(list, (one) => of(one).cpu) };
}

/** Of /proc/<pid>/status, in MB (10^6 bytes); NaN where the process or the system has none. */
export function memoryMb(pid: number | "self", field: "VmRSS" | "VmHWM"): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, "mu").exec(readProc(`/proc/${pid}/status`));
  return (Number(found?.[1] ?? Number.NaN) * 1024) / 1e6;
}

/** How many cores other programs have kept busy since the start; NaN where the system does not say. */
export function watchOthers(): () => number {
  const from = { machine: machineTicks(), own: ownTicks(), at: performance.now() };
  return () => {
    const ticks = machineTicks() - from.machine - (ownTicks() - from.own);
    // Linux counts 100 in a second on every platform that Node runs on.
    return Math.max(0, ticks / 100 / ((performance.now() - from.at) / 1000));
  };
}

/** Of user, nice, system, idle, iowait, irq, softirq and steal, those that are work. */
function machineTicks(): number {
  const [line = ""] = readProc("/proc/stat").split("\n");
  return sumAt(line.trim().split(/\s+/u), [1, 2, 3, 6, 7, 8]);
}

/** This process, and its children that have ended. */
function ownTicks(): number {
  const text = readProc("/proc/self/stat");
  return sumAt(text.slice(text.lastIndexOf(")") + 2).split(" "), [11, 12, 13, 14]);
}

function sumAt(fields: readonly string[], places: readonly number[]): number {
  return places.reduce((sum, at) => sum + Number(fields[at] ?? Number.NaN), 0);
}

function readProc(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not Linux, or the process has gone.
    return "";
  }
}
