/** The process of the command: streams, signals and the exit code. Everything else is in program.ts. */
import { systemClock } from "@airlake/shared/clock";

import { createInput } from "./input.ts";
import { type Interruption, listenForInterruption } from "./interruption.ts";
import { createOut } from "./out.ts";
import { runProgram } from "./program.ts";
import { explain, quietNode } from "./tell.ts";

/** Runs the command line of the process and sets its exit code. */
export async function main(target: NodeJS.Process): Promise<void> {
  const args = target.argv.slice(2);
  const debug = args.includes("--debug");
  quietNode(target, debug);
  const out = createOut(target.stdout, target.stderr);
  const interruption = (): Interruption => listenForInterruption(target, () => systemClock.monotonicMs());
  try {
    target.exitCode = await runProgram(args, { out, input: createInput(target), clock: systemClock, interruption });
  } catch (error) {
    target.exitCode = explain(out, error, debug);
  }
}
