/** The audit trail in ops: written while an action goes on, so that also a killed one has left its record. */
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import type { Clock } from "@airlake/shared/clock";
import { type AuditItem, type AuditRecord, auditRecordSchema } from "@airlake/shared/contracts/audit";
import { auditKey, auditPrefix } from "@airlake/shared/contracts/keys";
import { parseJson } from "@airlake/shared/contracts/s3-event";
import { workerVersion } from "@airlake/shared/version";

import { mapBounded } from "./bounded.ts";
import { callerIn } from "./config.ts";
import { type LedgerPlace, listKeys } from "./ledger.ts";

/** What is known before an action begins. */
export type Intended = Pick<AuditRecord, "action" | "filter" | "items"> &
  Partial<Pick<AuditRecord, "planHash" | "because">>;

export interface Audit {
  readonly id: string;
  readonly by: AuditRecord["by"];
  /** What became of an item. */
  note(id: string, change: Partial<AuditItem>): void;
  /** Writes the record where it was not written for some seconds. */
  keep(): Promise<void>;
  /** Writes its end. Gives the record. */
  end(outcome: Exclude<AuditRecord["outcome"], "running">, detail?: string): Promise<AuditRecord>;
}

const keepEveryMs = 5000;

/** Writes the record of an action that is about to begin. */
export async function beginAudit(place: LedgerPlace, clock: Clock, intended: Intended): Promise<Audit> {
  const id = clock.newId();
  const at = clock.now().toISOString();
  const items = new Map(intended.items.map((item) => [item.id, item]));
  const by = callerIn();
  const recordNow = (): AuditRecord => ({
    contract: "audit/1",
    id,
    at,
    by,
    ...intended,
    items: [...items.values()],
    counts: countsOf(items.values()),
    outcome: "running",
    version: workerVersion(),
  });
  let keptMs = clock.monotonicMs();
  await put(place, recordNow());
  return {
    id,
    by,
    note: (item, change) => {
      const before = items.get(item);
      if (before !== undefined) items.set(item, { ...before, ...change });
    },
    async keep() {
      if (clock.monotonicMs() - keptMs < keepEveryMs) return;
      keptMs = clock.monotonicMs();
      await put(place, recordNow());
    },
    async end(outcome, detail) {
      for (const [key, item] of items) if (item.result === "planned") items.set(key, { ...item, result: "not-done" });
      const endedAt = clock.now().toISOString();
      const record = { ...recordNow(), outcome, endedAt, ...(detail === undefined ? {} : { detail }) };
      await put(place, record);
      return record;
    },
  };
}

/** All records, the newest first. Those of another contract are left out. */
export async function readAudit(place: LedgerPlace): Promise<readonly AuditRecord[]> {
  const found: AuditRecord[] = [];
  for await (const keys of listKeys(place, auditPrefix)) {
    const page = await mapBounded(keys, 16, async (key) => readRecord(place, key));
    found.push(...page.filter((record) => record !== undefined));
  }
  return found.toSorted((a, b) => (a.at > b.at ? -1 : 1));
}

async function readRecord(place: LedgerPlace, key: string): Promise<AuditRecord | undefined> {
  const answer = await place.s3.send(new GetObjectCommand({ Bucket: place.opsBucket, Key: key }));
  return auditRecordSchema.safeParse(parseJson((await answer.Body?.transformToString()) ?? "")).data;
}

/** How many items ended how. */
function countsOf(items: Iterable<AuditItem>): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { result } of items) {
    const [word = ""] = result.split(":");
    counts[word] = (counts[word] ?? 0) + 1;
  }
  return counts;
}

async function put(place: LedgerPlace, record: AuditRecord): Promise<void> {
  await place.s3.send(
    new PutObjectCommand({
      Bucket: place.opsBucket,
      Key: auditKey(record.at, record.action, record.id),
      Body: `${JSON.stringify(record)}\n`,
      ContentType: "application/json",
    }),
  );
}
