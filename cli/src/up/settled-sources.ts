/** What became of each source, told once it is through: put together from the log lines of cleaner and joiner. */
import type { LogLine } from "./log-line.ts";

/** One source that is through. `--json` prints it as it is. */
export interface SettledSource {
  readonly key: string;
  /** removed: its rows went, because it did. */
  readonly outcome: "done" | "unchanged" | "removed" | "rejected";
  readonly reason?: string;
  readonly detail?: string;
  readonly read: number;
  readonly kept: number;
  readonly quarantined: number;
  /** How many partitions its rows lie in. */
  readonly partitions: number;
  /** How long cleaner and joiner worked on it. */
  readonly seconds: number;
}

/** Sources whose cleaning was seen, and whose joining perhaps another process does. */
const remembered = 10_000;

/** Gives, for each line, the source that is through with it, if any. */
export function createSettledSources(): (line: LogLine) => SettledSource | undefined {
  const cleaned = new Map<string, LogLine>();
  return (line) => {
    if (line.key === "" || !line.isSettled) return undefined;
    if (line.service === "cleaner") {
      cleaned.set(line.key, line);
      const [oldest] = cleaned.keys();
      if (cleaned.size > remembered && oldest !== undefined) cleaned.delete(oldest);
      return isRejected(line) ? rejected(line) : undefined;
    }
    if (line.service !== "joiner") return undefined;
    const before = cleaned.get(line.key);
    cleaned.delete(line.key);
    return joined(line, before);
  };
}

function joined(line: LogLine, before: LogLine | undefined): SettledSource | undefined {
  if (line.outcome === "rejected") return rejected(line);
  // Told of already, or nothing that anybody waits for.
  if (before === undefined ? line.outcome === "skipped" : isRejected(before)) return undefined;
  const isUnchanged = line.outcome === "skipped" && before?.outcome === "skipped";
  const { rowsRead, rowsKept, rowsQuarantined } = before ?? line;
  return {
    key: line.key,
    outcome: isUnchanged ? "unchanged" : line.state === "retracted" ? "removed" : "done",
    read: rowsRead,
    kept: rowsKept,
    quarantined: rowsQuarantined,
    partitions: line.parts,
    seconds: secondsOf(line, before),
  };
}

/** Now, or before and nothing has changed since. */
function isRejected(line: LogLine): boolean {
  return line.outcome === "rejected" || line.reason === "already-rejected";
}

function rejected(line: LogLine): SettledSource {
  return {
    key: line.key,
    outcome: "rejected",
    reason: line.reason,
    detail: line.detail === "" ? "Nothing has changed since it was rejected." : line.detail,
    read: 0,
    kept: 0,
    quarantined: 0,
    partitions: 0,
    seconds: secondsOf(line, undefined),
  };
}

function secondsOf(line: LogLine, before: LogLine | undefined): number {
  return (line.durationMs + (before?.durationMs ?? 0)) / 1000;
}
