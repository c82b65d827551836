/** How a lake is: its services, its queues, and what the ledger counts. */
import type { QueueRole } from "@airlake/shared/contracts/topology";
import { queueRoles } from "@airlake/shared/contracts/topology";

import { readFuses } from "../fuses.ts";
import { sizeOnDisk } from "../lake.ts";
import { listEntries, listKeys, placeOf, standingOf } from "../ledger.ts";
import type { OpenedLake } from "../opened-lake.ts";
import { depthOf } from "../pipeline.ts";
import { type ServiceStatus, askServices } from "./ask-services.ts";
import type { HealthAddress } from "./health-addresses.ts";

/** What `--json` prints. */
export interface Status {
  /** The folder, or aws:PREFIX. */
  readonly lake: string;
  readonly services: readonly ServiceStatus[];
  readonly queues: readonly QueueStatus[];
  /** Datasets of which no more sources are taken out until a person has spoken. */
  readonly blown: readonly BlownFuse[];
  /** Not while it is watched: many manifests are read for it. */
  readonly ledger?: Ledger;
}

/** What the ledger says; of a lake that is in no folder only how many sources it knows. */
export type Ledger = { readonly kind: "counted"; readonly knownSources: number } | LedgerTotals;

export interface LedgerTotals {
  readonly kind: "read";
  readonly sizeBytes: number;
  /** Sources by state; `stale` are those among the rejected whose last good version is still shown. */
  readonly sources: {
    readonly current: number;
    readonly rejected: number;
    readonly stale: number;
    readonly retracted: number;
    readonly new: number;
  };
  readonly records: { readonly read: number; readonly kept: number; readonly quarantined: number };
  readonly lastCommit: string | null;
}

export interface BlownFuse {
  readonly dataset: string;
  /** ISO 8601. */
  readonly since: string;
}

export interface QueueStatus {
  readonly queue: QueueRole;
  readonly waiting: number;
  readonly inHand: number;
  readonly parked: number;
}

/** Services and queues, as they are now. */
export async function moment(
  opened: OpenedLake,
  addresses: readonly HealthAddress[],
  signal: AbortSignal,
): Promise<Omit<Status, "ledger">> {
  const [services, queues, fuses] = await Promise.all([
    askServices({ clock: opened.clock, topology: opened.topology, signal }, addresses),
    Promise.all(queueRoles.map(async (role) => queueStatus(opened, role))),
    readFuses(opened),
  ]);
  const blown = fuses.flatMap(({ dataset, blown: word }) => (word === null ? [] : [{ dataset, since: word.at }]));
  return { lake: opened.lake?.folder ?? opened.shown, services, queues, blown };
}

/** Reads the ledger of a lake in a folder; counts that of another, where each manifest would be a request. */
export async function readLedger(opened: OpenedLake): Promise<Ledger> {
  if (opened.lake !== undefined) return totalsOf(opened, opened.lake.folder);
  let knownSources = 0;
  for await (const keys of listKeys(placeOf(opened), "manifests/cleaner/")) knownSources += keys.length;
  return { kind: "counted", knownSources };
}

async function totalsOf(opened: OpenedLake, folder: string): Promise<LedgerTotals> {
  const sources = { current: 0, rejected: 0, stale: 0, retracted: 0, new: 0 };
  const records = { read: 0, kept: 0, quarantined: 0 };
  let lastCommit: string | null = null;
  for await (const { cleaner, joiner } of listEntries(placeOf(opened))) {
    const { state, stale } = standingOf({ cleaner, joiner });
    sources[state] += 1;
    if (stale) sources.stale += 1;
    records.read += cleaner.counts?.read ?? 0;
    records.kept += cleaner.counts?.kept ?? 0;
    records.quarantined += cleaner.counts?.quarantined ?? 0;
    for (const at of [cleaner.committedAt, joiner?.committedAt ?? null]) lastCommit = later(lastCommit, at);
  }
  return { kind: "read", sizeBytes: await sizeOnDisk(folder), sources, records, lastCommit };
}

async function queueStatus(opened: OpenedLake, role: QueueRole): Promise<QueueStatus> {
  const { url, deadLetterUrl } = opened.queues[role];
  const [depth, dead] = await Promise.all([depthOf(opened, url), depthOf(opened, deadLetterUrl)]);
  return { queue: role, ...depth, parked: dead.waiting + dead.inHand };
}

function later(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  return a > b ? a : b;
}
