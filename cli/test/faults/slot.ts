/** A worker's place: there is always one in it, started again when it was killed or could not start, as whoever runs services does. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

export interface Slot {
  /** Waits until the first of its workers takes messages, or none ever will. */
  started(): Promise<void>;
  /** Kills whoever is in it, and starts the next. */
  restart(signal: NodeJS.Signals): Promise<void>;
  end(): Promise<void>;
}

export interface SlotOptions {
  readonly name: string;
  readonly logFile: string;
  readonly spawn: () => ChildProcess;
  /** Told of a worker that found its store away at the start: it is started again. */
  readonly couldNotStart: () => void;
  /** Told of one that ended in mid-work, or of too many that could not start in a row. */
  readonly crashed: (what: string) => void;
}

const mostFailedStarts = 20;
const pauseMs = 300;

export function createSlot(options: SlotOptions): Slot {
  const takesMessages = Promise.withResolvers<void>();
  let child: ChildProcess | undefined;
  let failedStarts = 0;
  const start = (): void => {
    const started = options.spawn();
    child = started;
    let hasStarted = false;
    const log = createWriteStream(options.logFile, { flags: "a" });
    started.stdout?.pipe(log, { end: false });
    started.stderr?.pipe(log, { end: false });
    started.stdout?.on("data", (text: Buffer) => {
      if (hasStarted || !text.includes('"msg":"started"')) return;
      hasStarted = true;
      failedStarts = 0;
      takesMessages.resolve();
    });
    started.once("exit", (code, signal) => {
      if (started !== child) return;
      failedStarts += 1;
      if (!hasStarted && code === 1 && failedStarts < mostFailedStarts) {
        options.couldNotStart();
        void wait(pauseMs).then(() => (started === child ? start() : undefined));
        return;
      }
      options.crashed(`${options.name} ended by itself with ${code ?? signal}, see ${options.logFile}`);
      takesMessages.resolve();
    });
  };
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    const old = child;
    child = undefined;
    if (old === undefined || old.exitCode !== null || old.signalCode !== null) return;
    const ended = once(old, "exit");
    old.kill(signal);
    const timer = setTimeout(() => old.kill("SIGKILL"), 20_000);
    await ended;
    clearTimeout(timer);
  };
  const endWithMe = (): void => void child?.kill("SIGKILL");
  process.once("exit", endWithMe);
  start();
  return {
    started: async () => takesMessages.promise,
    async restart(signal) {
      await stop(signal);
      start();
    },
    async end() {
      await stop("SIGTERM");
      process.off("exit", endWithMe);
    },
  };
}
