/** JSON lines on stdout; the same fields in every service. */
import { type Logger, pino } from "pino";

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
  const settings = { level: options.level, base: { service: name, version: options.version } };
  if (options.sink !== undefined) return pino(settings, options.sink);
  return options.file === undefined
    ? pino(settings)
    : pino(settings, pino.destination({ dest: options.file, mkdir: true, sync: true }));
}
