/** JSON lines on stdout; the same fields in every service. */
import { type Logger, pino } from "pino";

import { shortened } from "./errors.ts";

export type { Logger } from "pino";

export interface LoggerOptions {
  readonly level: string;
  readonly version: string;
  /** Lines go to this file instead of stdout. */
  readonly file?: string;
  /** Lines go here instead, each with its newline. */
  readonly sink?: { write(line: string): void };
}

/** A logger that names its service and version on every line. */
export function createLogger(name: string, options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    base: { service: name, version: options.version },
    serializers: { err: shortError },
  };
  if (options.sink !== undefined) return pino(settings, options.sink);
  // At once: a line on its way when the process ends would come after those that are flushed at the end.
  const to = options.file === undefined ? { dest: 1 } : { dest: options.file, mkdir: true };
  return pino(settings, pino.destination({ ...to, sync: true }));
}

/** An error's own words can be megabytes long; what collects logs cuts a line or drops it. */
function shortError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { message, stack, ...others } = pino.stdSerializers.err(error);
  return { ...others, message: shortened(message), stack: shortened(stack) };
}
