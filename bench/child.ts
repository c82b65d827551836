/** Programs of the repository as processes of their own, and what they took. */
import { type ChildProcess, spawn } from "node:child_process";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import type { Spent } from "./measure.ts";

interface Ended extends Spent {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly peakMb: number;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

const preload = new URL("./tell-usage.ts", import.meta.url).href;

/** Starts a TypeScript file, named from the repository's root. */
export function startChild(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const startedAt = performance.now();
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const child = spawn(process.execPath, ["--import", preload, path, ...args], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  // Whatever becomes of this process, nothing of it stays behind.
  const kill = (): void => void child.kill();
  process.once("exit", kill);
  const code = new Promise<number | null>((resolve) => child.once("close", resolve));
  const read = async (): Promise<Ended> => {
    const [stdout, stderr, told] = await Promise.all([1, 2, 3].map(async (at) => textOf(child.stdio[at])));
    process.off("exit", kill);
    const usage = { cpu: Number.NaN, peakMb: Number.NaN, ...JSON.parse(told || "{}") };
    return { code: await code, stdout, stderr, wall: (performance.now() - startedAt) / 1000, ...usage };
  };
  return { child, ended: read() };
}

/** Runs it to its end. Throws with its last words where that is a failure. */
export async function runChild(file: string, args: readonly string[]): Promise<Ended> {
  const ended = await startChild(file, args).ended;
  if (ended.code !== 0) throw new Error(`${file} ended with ${ended.code}: ${ended.stderr.slice(-500)}`);
  return ended;
}

async function textOf(stream: unknown): Promise<string> {
  return stream instanceof Readable ? text(stream) : "";
}
