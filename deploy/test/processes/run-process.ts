/** Programs of the project as processes of their own, with an environment of nothing but what they are given. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const trap = fileURLToPath(new URL("network-trap.ts", import.meta.url));

export const serviceNames = ["ingestor", "cleaner", "joiner", "catalog-sync"] as const;
export type ServiceName = (typeof serviceNames)[number];

export type Line = Readonly<Record<string, unknown>>;

/** Disposing kills it, if it still runs. */
export interface Running extends AsyncDisposable {
  /** What was logged so far. */
  lines(): readonly Line[];
  stop(): void;
  readonly ended: Promise<Ended>;
}

export interface Ended {
  readonly code: number | null;
  readonly lines: readonly Line[];
  /** What was written besides log lines. */
  readonly rest: string;
}

/** Nobody waits longer than this for a program that should end by itself. */
const longestMs = 170_000;

/** Starts a program; with `trapFile`, behind the network trap. It is killed when it takes too long. */
export function startProgram(path: string, env: Readonly<Record<string, string>>, trapFile?: string): Running {
  const preload = trapFile === undefined ? [] : ["--import", trap];
  const trapEnv = trapFile === undefined ? {} : { TRAP_FILE: trapFile };
  // No home folder and no metadata service: nothing that lies on the machine is taken for credentials.
  const bare = { HOME: "/nonexistent", AWS_EC2_METADATA_DISABLED: "true", DATASETS_FOLDER: `${root}datasets` };
  const child = spawn(process.execPath, [...preload, `${root}${path}`], {
    cwd: root,
    env: { ...bare, ...trapEnv, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: longestMs,
    killSignal: "SIGKILL",
  });
  const out = { text: "", rest: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out.text += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (out.rest += text));
  const lines = (): readonly Line[] =>
    out.text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, lines: lines(), rest: out.rest }));
  });
  return {
    lines,
    stop: () => void child.kill("SIGTERM"),
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

export function startService(name: ServiceName, env: Readonly<Record<string, string>>, trapFile?: string): Running {
  return startProgram(`services/${name}/src/main.ts`, env, trapFile);
}
