/** Errors as people are told them: what, where, what to do next. */
import { inspect } from "node:util";
import { ConfigError, codeOf, isTransient } from "@airlake/shared/errors";

import { CommandError, diskFault } from "./command-error.ts";
import type { Out } from "./out.ts";
import { printable } from "./text.ts";

/** Tells an error on stderr. Returns the exit code: 2 or what the error says, or 0 where only the reader of a pipe went away. */
export function explain(out: Out, error: unknown, debug: boolean): 0 | 2 | 130 {
  if (codeOf(error) === "EPIPE") return 0;
  const told = toldOf(error);
  const [first = "", ...others] = told.message.split("\n").filter((line) => line.trim() !== "");
  out.note(`${out.noteStyle.red("airlake:")} ${printable(first)}`);
  for (const line of others) out.note(printable(line));
  if (told.next !== undefined) out.note(told.next);
  if (debug) out.note(inspect(error));
  return error instanceof CommandError ? error.exitCode : 2;
}

function toldOf(error: unknown): { readonly message: string; readonly next: string | undefined } {
  if (error instanceof CommandError) return error;
  if (error instanceof ConfigError) return { message: error.message, next: undefined };
  const fault = diskFault(error);
  if (fault !== undefined) return fault;
  const [first = "unknown error"] = (error instanceof Error ? error.message : String(error)).split("\n");
  if (isTransient(error))
    return {
      message: `broken off: ${first}`,
      next: "Give the same command again: what was done is kept. If it says so each time, add --debug to see more.",
    };
  return {
    message: `unexpected: ${first}`,
    next: "This is a defect of Airlake, or of its installation. Add --debug to see more.",
  };
}

/** Keeps Node's own warnings (SQLite calls itself experimental) off the screen of a person who can do nothing about them. */
export function quietNode(target: NodeJS.Process, debug: boolean): void {
  target.stdout.on("error", (error) => {
    // `airlake … | head`: the reader has enough.
    if (codeOf(error) === "EPIPE") target.exit(0);
    throw error;
  });
  if (!debug) target.removeAllListeners("warning");
}
