/** `airlake up` as a process of its own: what it prints as it goes, and how it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";

import { checkPorts, portsFrom } from "../../src/up/health-ports.ts";
import type { SettledSource } from "../../src/up/settled-sources.ts";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface UpProcess {
  readonly child: ChildProcess;
  /** Sources that are through, in order. */
  readonly settled: readonly SettledSource[];
  /** What it said to the person. */
  said(): string;
  /** Waits until it watches the drop folder. */
  ready(): Promise<void>;
  /** Waits until as many sources with these keys are through. */
  through(count: number, isMeant?: (settled: SettledSource) => boolean): Promise<void>;
  /** Sends the signal and gives the exit code; null for one that was killed. */
  end(signal: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<number | null>;
}

/** Starts it in a folder; without ports unless some are given. It is killed with the test. */
export function startUp(cwd: string, args: readonly string[] = ["--no-ports"]): UpProcess {
  const child = spawn(process.execPath, [main, "up", "--json", ...args], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  const ended = once(child, "exit");
  const settled: SettledSource[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => settled.push(JSON.parse(line) as SettledSource));
  let words = "";
  child.stderr.on("data", (text) => void (words += String(text)));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return {
    child,
    settled,
    said: () => words,
    ready: async () => expect.poll(() => words, { timeout: 20_000, interval: 20 }).toContain("come into the lake"),
    through: async (count, isMeant = () => true) =>
      expect
        .poll(() => settled.filter(isMeant).length, { timeout: 45_000, interval: 10 })
        .toBeGreaterThanOrEqual(count),
    end: async (signal) => {
      child.kill(signal);
      await ended;
      return child.exitCode;
    },
  };
}

/** The first of four ports in a row that nobody uses. */
export async function freePortBase(): Promise<number> {
  for (let tries = 0; tries < 50; tries += 1) {
    const base = 20_000 + Math.floor(Math.random() * 30_000);
    const isFree = await checkPorts(portsFrom(base)).then(
      () => true,
      () => false,
    );
    if (isFree) return base;
  }
  throw new Error("no four free ports in a row");
}
