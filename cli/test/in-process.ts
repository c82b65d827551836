/** Runs a command line in the test's own process, for what needs no process of its own. Paths are best absolute. */
import { systemClock } from "@airlake/shared/clock";

import { createOut } from "../src/out.ts";
import { runProgram } from "../src/program.ts";
import { explain } from "../src/tell.ts";
import type { Ran } from "./airlake.ts";

export interface Terminal {
  /** Somebody looks, at so many columns; none: everything is piped. */
  readonly columns?: number;
  /** What the person answers when asked; undefined: nobody is there. */
  readonly answer?: string;
  readonly stdin?: string;
  /** The person has pressed Ctrl-C already. */
  readonly stopped?: boolean;
}

export async function inProcess(args: readonly string[], terminal: Terminal = {}): Promise<Ran> {
  const written = { stdout: "", stderr: "" };
  const screen = terminal.columns === undefined ? {} : { isTTY: true, columns: terminal.columns };
  const stream = (name: "stdout" | "stderr") => ({
    ...screen,
    write: (text: string | Uint8Array, done?: () => void) => {
      written[name] += typeof text === "string" ? text : Buffer.from(text).toString();
      done?.();
      return true;
    },
  });
  const out = createOut(stream("stdout"), stream("stderr"), { NO_COLOR: "1" });
  const input = {
    interactive: terminal.answer !== undefined,
    ask: async (question: string) => {
      written.stderr += question;
      return terminal.answer ?? "";
    },
    text: async () => terminal.stdin ?? "",
  };
  const interruption = () => ({
    signal: terminal.stopped === true ? AbortSignal.abort() : new AbortController().signal,
    exitCode: () => 130 as const,
    [Symbol.dispose]: () => {},
  });
  try {
    const code = await runProgram(args, { out, input, clock: systemClock, interruption });
    return { code, ...written };
  } catch (error) {
    const code = explain(out, error, args.includes("--debug"));
    return { code, ...written };
  }
}
