/** JSON lines on stdout; the same fields in every service. */
import { type Logger, pino } from "pino";

export type { Logger } from "pino";

/** A logger that names its service and version on every line. */
export function createLogger(name: string, options: { readonly level: string; readonly version: string; readonly file?: string }): Logger {
  const settings = { level: options.level, base: { service: name, version: options.version } };
  return options.file === undefined ? pino(settings) : pino(settings, pino.destination({ dest: options.file, mkdir: true, sync: true }));
}
