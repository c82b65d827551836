/** Starts child.ts, listens to what it says, and ends it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("child.ts", import.meta.url));

export interface Child {
  /** Everything that was said so far. */
  readonly lines: readonly string[];
  /** Waits until the child says this line. Rejects where it ends without. */
  says(line: string): Promise<void>;
  tell(line: string): void;
  kill(): Promise<void>;
  /** Waits for its end; rejects where that is no success. */
  ended(): Promise<readonly string[]>;
}

/** `before`: a command that runs the child, such as unshare with its options. */
export function runChild(args: readonly string[], before: readonly string[] = []): Child {
  const [command = process.execPath, ...options] = [...before, process.execPath, program, ...args];
  const child = spawn(command, options, { stdio: ["pipe", "pipe", "pipe"], timeout: 60_000 });
  const lines: string[] = [];
  const errors: string[] = [];
  const said = createInterface({ input: child.stdout });
  said.on("line", (line) => lines.push(line));
  createInterface({ input: child.stderr }).on("line", (line) => errors.push(line));
  const exit = once(child, "close");
  return {
    lines,
    says: async (line) => {
      while (!lines.includes(line)) {
        const ended = await Promise.race([once(said, "line").then(() => false), exit.then(() => true)]);
        if (ended && !lines.includes(line)) throw new Error(`the child ended: ${errors.join("\n")}`);
      }
    },
    tell: (line) => child.stdin.write(`${line}\n`),
    kill: async () => {
      child.kill("SIGKILL");
      await exit;
    },
    ended: async () => {
      await exit;
      if (child.exitCode !== 0) throw new Error(`the child failed: ${errors.join("\n")}`);
      return lines;
    },
  };
}
