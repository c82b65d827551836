/** How dead messages are listed. */
import type { Out } from "../out.ts";
import { renderTable } from "../table.ts";
import { grouped, printable, shortTime } from "../text.ts";
import type { Group } from "./dead.ts";

/** `13 d 4 h`, `5 h`, `12 min`; of a time that is over, `none`. */
export function timeLeft(until: string, now: Date): string {
  const minutes = Math.floor((Date.parse(until) - now.getTime()) / 60_000);
  if (minutes < 0) return "none";
  const hours = Math.floor(minutes / 60);
  if (hours >= 24) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  return hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

/** The table of groups. */
export function printGroups(out: Out, groups: readonly Group[], now: Date): void {
  const columns = [
    { title: "stage" },
    { title: "reason", shrinks: true },
    { title: "messages", align: "right" as const },
    { title: "oldest (UTC)" },
    { title: "newest (UTC)" },
    { title: "dropped in", align: "right" as const },
    { title: "such as", shrinks: true },
  ];
  const rows = groups.map((group) => [
    group.stage,
    printable(group.reason),
    grouped(group.count),
    shortTime(group.oldest),
    shortTime(group.newest),
    timeLeft(group.dropsAt, now),
    printable(group.sampleKeys[0] ?? group.sampleIds[0] ?? ""),
  ]);
  for (const text of renderTable(columns, rows, { width: out.columns, title: out.style.dim })) out.line(text);
}
