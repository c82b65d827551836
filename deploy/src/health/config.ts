/** The setting of the health check; read without a library, for it runs every few seconds. */

/** The port of the worker beside it, as PORT tells it to the worker too. */
export function loadPort(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return env["PORT"] ?? "8080";
}
