/** What became of each named source, from the ledger: the account that `run` prints and that must close. */
import { type Manifest, isCommitOf } from "@airlake/shared/contracts/manifest";

import type { Entry } from "./ledger.ts";

/** One source's line, as `--json` prints it. */
export interface SourceAccount {
  readonly key: string;
  readonly format: string | null;
  readonly outcome: "done" | "unchanged" | "rejected";
  readonly reason?: string;
  readonly read: number;
  readonly kept: number;
  readonly quarantined: number;
  readonly reasons: Readonly<Record<string, number>>;
  readonly flags: Readonly<Record<string, number>>;
  /** How many partitions its rows lie in. */
  readonly partitions: number;
}

/** A source's line with what only people are told. */
export interface Accounted {
  readonly line: SourceAccount;
  /** Why it was rejected: a sentence. */
  readonly detail?: string;
  /** How many rows of its last good version the lake still shows, where the newest was rejected. */
  readonly staleRows?: number;
}

export interface Totals {
  readonly read: number;
  readonly kept: number;
  readonly quarantined: number;
}

/** What is known of one source when the pipeline has come to rest. */
export interface Seen {
  readonly key: string;
  readonly before: Entry;
  readonly after: Entry;
  /** The object's ETag: what the cleaner should have read. */
  readonly etag: string | undefined;
  /** The error of a message about it that still fails. */
  readonly failing?: string;
  /** Why a message about it was parked in this run. */
  readonly parked?: { readonly reason: string; readonly detail: string };
  /** The newest version was to be fetched, and could not be: whatever is in the lake is older. */
  readonly refused?: { readonly reason: string; readonly detail: string };
}

/** The account of one source. */
export function accountOf(seen: Seen): Accounted {
  const rejection = seen.refused ?? rejectionOf(seen);
  if (rejection !== undefined) return rejected(seen, rejection);
  const unfinished = whyUnfinished(seen);
  if (seen.failing === undefined && unfinished === undefined) return { line: lineOf(seen) };
  if (seen.failing === undefined && seen.parked !== undefined) return rejected(seen, seen.parked);
  const reason = `failed: ${seen.failing ?? unfinished ?? "unknown"}`;
  const detail = "Its message stays on the queue: give the same command again.";
  return rejected(seen, { reason, detail });
}

function rejectionOf({ after, etag }: Seen): { readonly reason: string; readonly detail: string } | undefined {
  const { cleaner, joiner } = after;
  if (cleaner?.state === "rejected" && isOfNewest(cleaner, etag)) return cleaner.rejection ?? undefined;
  return joiner?.state === "rejected" ? (joiner.rejection ?? undefined) : undefined;
}

function isOfNewest(cleaner: Manifest, etag: string | undefined): boolean {
  return etag === undefined || cleaner.input?.identity === etag;
}

const nothingCounted = { read: 0, kept: 0, quarantined: 0, reasons: {}, flags: {} };

function lineOf({ key, before, after }: Seen): SourceAccount {
  const { read, kept, quarantined, reasons } = after.cleaner?.counts ?? nothingCounted;
  // The joiner's flags have the cleaner's among them.
  const { flags } = after.joiner?.counts ?? nothingCounted;
  const format = after.cleaner?.format ?? null;
  const outcome = isSame(before, after) ? "unchanged" : "done";
  return { key, format, outcome, read, kept, quarantined, reasons, flags, partitions: partitionCount(after.joiner) };
}

function isSame(before: Entry, after: Entry): boolean {
  return (
    before.cleaner?.generation === after.cleaner?.generation && before.joiner?.generation === after.joiner?.generation
  );
}

function rejected({ key, after }: Seen, why: { readonly reason: string; readonly detail: string }): Accounted {
  const line: SourceAccount = {
    key,
    format: null,
    outcome: "rejected",
    reason: why.reason,
    // The file itself gave nothing; what an earlier version gave is not this file's.
    read: 0,
    kept: 0,
    quarantined: 0,
    reasons: {},
    flags: {},
    partitions: 0,
  };
  const staleRows = rowsInGold(after);
  return { line, detail: why.detail, ...(staleRows > 0 ? { staleRows } : {}) };
}

function whyUnfinished({ after, etag }: Seen): string | undefined {
  const { cleaner, joiner } = after;
  if (cleaner === undefined || cleaner.state !== "current") return "the cleaner did not get to it";
  if (!isOfNewest(cleaner, etag)) return "the cleaner did not get to its newest version";
  if (joiner === undefined || joiner.state !== "current") return "the joiner did not get to it";
  if (!isCommitOf(joiner.input?.identity, cleaner)) return "the joiner did not get to its newest version";
  return undefined;
}

function rowsInGold(entry: Entry | undefined): number {
  return (entry?.joiner?.outputs ?? []).reduce((rows, part) => rows + part.rows, 0);
}

/** How many partitions have rows of a source. */
export function partitionCount(joiner: Manifest | undefined): number {
  return new Set(joiner?.outputs.filter((part) => part.role === "gold").map((part) => part.partition)).size;
}

export function totalsOf(lines: readonly SourceAccount[]): Totals {
  const sum = (pick: (line: SourceAccount) => number): number => lines.reduce((total, line) => total + pick(line), 0);
  return {
    read: sum((line) => line.read),
    kept: sum((line) => line.kept),
    quarantined: sum((line) => line.quarantined),
  };
}

/**
 * What does not add up, a sentence each: read = kept + quarantined, reasons make up the quarantined, and gold has what was kept.
 * Anything here is a defect of Airlake, never of a file.
 */
export function discrepancies(seen: readonly Seen[], accounts: readonly Accounted[]): readonly string[] {
  const byKey = new Map(seen.map((one) => [one.key, one.after]));
  return accounts.flatMap(({ line }) => {
    if (line.outcome === "rejected") return [];
    const { read, kept, quarantined, reasons } = line;
    const inGold = rowsInGold(byKey.get(line.key));
    const byReason = Object.values(reasons).reduce((total, count) => total + count, 0);
    return [
      ...(read === kept + quarantined
        ? []
        : [`${line.key}: ${read} read, but ${kept} kept + ${quarantined} quarantined`]),
      ...(byReason === quarantined ? [] : [`${line.key}: ${quarantined} quarantined, but ${byReason} by reason`]),
      ...(inGold === kept ? [] : [`${line.key}: ${kept} kept, but ${inGold} rows in the lake`]),
    ];
  });
}

/** Counts by name over all sources, the largest first. */
export function summed(counts: readonly Readonly<Record<string, number>>[]): readonly (readonly [string, number])[] {
  const totals = new Map<string, number>();
  for (const one of counts)
    for (const [name, count] of Object.entries(one)) totals.set(name, (totals.get(name) ?? 0) + count);
  return [...totals].filter(([, count]) => count > 0).toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}
