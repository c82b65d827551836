#!/usr/bin/env node
/** The process of the command: streams, signals and the exit code. Everything else is in program.ts. */
import { systemClock } from "@airlake/shared/clock";

import { listenForInterruption } from "./interruption.ts";
import { widenThreadPool } from "./config.ts";
import { createInput } from "./input.ts";
import { createOut } from "./out.ts";
import { runProgram } from "./program.ts";
import { explain, quietNode } from "./tell.ts";

const args = process.argv.slice(2);
const debug = args.includes("--debug");
widenThreadPool();
quietNode(process, debug);
const out = createOut(process.stdout, process.stderr);
const deps = {
  out,
  input: createInput(process),
  clock: systemClock,
  interruption: () => listenForInterruption(process),
};
try {
  process.exitCode = await runProgram(args, deps);
} catch (error) {
  process.exitCode = explain(out, error, debug);
}
