/** The version of this code, as logs, manifests and failure records name it. */
import { readFileSync } from "node:fs";

let known: string | undefined;

/** The version in the root package.json. */
export function workerVersion(): string {
  known ??= versionIn(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return known;
}

function versionIn(text: string): string {
  const json: unknown = JSON.parse(text);
  const version = typeof json === "object" && json !== null && "version" in json ? json.version : undefined;
  return typeof version === "string" ? version : "unknown";
}
