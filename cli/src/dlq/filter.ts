/** Which of the dead messages are meant. */
import { type Command, InvalidArgumentError } from "commander";

import type { Dead } from "./dead.ts";
import { type Service, stageNamed } from "./stages.ts";

export interface FilterOptions {
  readonly stage?: Service;
  readonly reason?: string;
  readonly prefix?: string;
  /** ISO 8601. */
  readonly since?: string;
  readonly until?: string;
  readonly id?: readonly string[];
}

/** Adds the options of a filter to a verb. */
export function addFilter(verb: Command, now: () => Date): Command {
  return verb
    .option("--stage <stage>", "only of this stage: ingestor, cleaner, joiner or catalog-sync", stageNamed)
    .option("--reason <reason>", "only with this reason, as `airlake dlq ls` lists them")
    .option("--prefix <prefix>", "only about sources whose key begins so")
    .option("--since <time>", "only failed since: 2h, 3d, or 2026-11-21T15:00Z", (text: string) => timeIn(text, now()))
    .option("--until <time>", "only failed until then", (text: string) => timeIn(text, now()))
    .option("--id <id>", "only this one; can be given several times", collected);
}

function collected(id: string, before: readonly string[] = []): readonly string[] {
  if (/^[0-9A-Za-z-]{4,}$/.test(id)) return [...before, id];
  throw new InvalidArgumentError("It must be an id as `airlake dlq show` prints it, or its first four signs or more.");
}

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** A time as ISO 8601: so long ago, or a date with or without a time, in UTC unless it says otherwise. */
export function timeIn(text: string, now: Date): string {
  const [, count, unit = ""] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return new Date(now.getTime() - Number(count) * (units[unit] ?? 0) * 1000).toISOString();
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text);
  const zoned = /T.*(Z|[+-]\d\d:\d\d)$/.test(text) || !text.includes("T") ? text : `${text}Z`;
  const atMs = isTime ? Date.parse(zoned) : Number.NaN;
  if (Number.isNaN(atMs))
    throw new InvalidArgumentError("It must be like 90m, 2h, 3d, 2026-11-21 or 2026-11-21T15:00Z.");
  return new Date(atMs).toISOString();
}

/** Those that a filter means, the oldest first. */
export function filtered(dead: readonly Dead[], filter: FilterOptions): readonly Dead[] {
  return dead
    .filter((one) => matches(one, filter))
    .toSorted((a, b) => (a.at === b.at ? (a.id < b.id ? -1 : 1) : a.at < b.at ? -1 : 1));
}

function matches(dead: Dead, { stage, reason, prefix, since, until, id }: FilterOptions): boolean {
  if (stage !== undefined && dead.stage !== stage) return false;
  if (reason !== undefined && dead.reason !== reason) return false;
  if (since !== undefined && dead.at < since) return false;
  if (until !== undefined && dead.at > until) return false;
  if (prefix !== undefined && !dead.keys.some((key) => key.startsWith(prefix))) return false;
  return id === undefined || id.some((one) => isCalled(dead, one));
}

/** By the id that is shown, or by the message's, or by the beginning of either. */
function isCalled(dead: Dead, id: string): boolean {
  const names = [dead.id, dead.message?.MessageId, dead.failure?.record.messageId];
  return names.some((name) => name?.startsWith(id) === true);
}

/** A filter as the audit keeps it. */
export function filterText(filter: FilterOptions): Readonly<Record<string, string>> {
  const { stage, reason, prefix, since, until, id } = filter;
  const entries = Object.entries({ stage, reason, prefix, since, until, id: id?.join(" ") });
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}
