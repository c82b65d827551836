/** The instant that a source was made at, from its key's last part; else when the store got it. */
import type { DatasetDefinition } from "@airlake/shared/contracts/dataset";

/** Which rule gave the reference time. */
export interface ReferenceTime {
  readonly at: Date;
  readonly from: "unix-seconds" | "date" | "last-modified";
}

/** Rules are tried in their order; one that matches but names no real instant is passed over. */
export function referenceTimeOf(
  rules: DatasetDefinition["referenceTime"],
  key: string,
  lastModified: Date,
): ReferenceTime {
  const name = key.slice(key.lastIndexOf("/") + 1);
  for (const rule of rules) {
    const match = new RegExp(rule.pattern, "u").exec(name);
    const at = match && instantOf(rule, match);
    if (at) return { at, from: rule.is };
  }
  return { at: lastModified, from: "last-modified" };
}

function instantOf(rule: DatasetDefinition["referenceTime"][number], match: RegExpExecArray): Date | undefined {
  if (rule.is === "unix-seconds") return new Date(Number(match[1]) * 1000);
  const [, year = "", month = "", day = ""] = match;
  const midnight = new Date(`${year}-${month}-${day}T00:00:00Z`);
  // 2018-02-30 would roll over into March.
  const real = !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(`${year}-${month}-${day}`);
  return real ? new Date(midnight.getTime() + rule.plusHours * 3_600_000) : undefined;
}
