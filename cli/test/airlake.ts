/** Runs the command as a person does: a process of its own, its exit code, and what it prints. */
import { type ChildProcess, spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
}

export interface RunSettings {
  readonly cwd?: string;
  readonly input?: string;
  readonly uid?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** The reader of standard output goes away after the first piece, as `head` does. */
  readonly enough?: boolean;
}

/** Starts the command; should it hang, it is killed before the test is given up. */
export function start(args: readonly string[], settings: RunSettings = {}): Running {
  const { cwd, uid, input = "", env = {} } = settings;
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    timeout: 100_000,
    killSignal: "SIGKILL",
    env: { ...process.env, NO_COLOR: "1", ...env },
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  child.stdin.end(input);
  if (settings.enough === true) child.stdout.once("data", () => child.stdout.destroy());
  const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
  const results = settings.enough === true ? Promise.resolve("") : text(child.stdout);
  const ended = Promise.all([exit, results, text(child.stderr)]).then(([code, stdout, stderr]) => ({
    code,
    stdout,
    stderr,
  }));
  return { child, ended };
}

/** Runs the command to its end. */
export async function airlake(args: readonly string[], settings: RunSettings = {}): Promise<Ran> {
  return start(args, settings).ended;
}

/** What `run --json` prints. */
export interface Account {
  readonly sources: readonly {
    readonly key: string;
    readonly format: string | null;
    readonly outcome: string;
    readonly reason?: string;
    readonly read: number;
    readonly kept: number;
    readonly quarantined: number;
    readonly reasons: Readonly<Record<string, number>>;
    readonly flags: Readonly<Record<string, number>>;
    readonly partitions: number;
  }[];
  readonly totals: { readonly read: number; readonly kept: number; readonly quarantined: number };
  readonly seconds: number;
}

/** The one JSON value that a command printed. Throws where it printed anything else. */
export function json({ stdout, stderr }: Ran): unknown {
  if (stdout.trim() === "") throw new Error(`nothing on stdout; on stderr: ${stderr}`);
  return JSON.parse(stdout);
}
