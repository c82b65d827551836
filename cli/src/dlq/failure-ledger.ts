/** The failure records that can still matter, with the keys they lie under; and marking them as settled. */
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { type FailureRecord, type Settlement, failureRecordSchema } from "@airlake/shared/contracts/failure";
import { failurePrefix } from "@airlake/shared/contracts/keys";
import { parseJson } from "@airlake/shared/contracts/s3-event";
import { deadLetterRetentionSeconds, retentionSeconds } from "@airlake/shared/contracts/topology";

import { mapBounded } from "../bounded.ts";
import { type LedgerPlace, listKeys } from "../ledger.ts";

export interface StoredFailure {
  readonly key: string;
  /** What a person calls it: the end of its key. */
  readonly id: string;
  readonly record: FailureRecord;
}

const concurrency = 16;
const dayMs = 24 * 3600 * 1000;
/** A message that SQS parks was sent before its record was written, so its record is never the older one. */
const longestSeconds = deadLetterRetentionSeconds + retentionSeconds;

/** Reads records, each once: to look again costs a listing. */
export interface FailureReader {
  /** The records written since this time, oldest first. Those of another contract are left out. */
  since(time: Date): Promise<readonly StoredFailure[]>;
}

export function createFailureReader(place: LedgerPlace, now: () => Date): FailureReader {
  const known = new Map<string, StoredFailure | undefined>();
  return {
    async since(time) {
      const days = daysFrom(time, now());
      const listed = await mapBounded(days, concurrency, async (day) => {
        const keys: string[] = [];
        for await (const page of listKeys(place, failurePrefix(day))) keys.push(...page);
        return keys;
      });
      const keys = listed.flat();
      const fresh = keys.filter((key) => !known.has(key));
      await mapBounded(fresh, concurrency, async (key) => void known.set(key, await readFailure(place, key)));
      const earliest = time.toISOString();
      return keys
        .flatMap((key) => known.get(key) ?? [])
        .filter(({ record }) => record.at >= earliest)
        .toSorted((a, b) => (a.record.at < b.record.at ? -1 : 1));
    },
  };
}

/** The records of all messages that a dead-letter queue can still hold. */
export async function readFailureLedger(place: LedgerPlace, now: Date): Promise<readonly StoredFailure[]> {
  return createFailureReader(place, () => now).since(new Date(now.getTime() - longestSeconds * 1000));
}

/** Writes into a record what became of its message. */
export async function settleFailure(
  place: LedgerPlace,
  { key, record }: StoredFailure,
  settled: Settlement,
): Promise<void> {
  await place.s3.send(
    new PutObjectCommand({
      Bucket: place.opsBucket,
      Key: key,
      Body: `${JSON.stringify({ ...record, settled })}\n`,
      ContentType: "application/json",
    }),
  );
}

async function readFailure(place: LedgerPlace, key: string): Promise<StoredFailure | undefined> {
  try {
    const answer = await place.s3.send(new GetObjectCommand({ Bucket: place.opsBucket, Key: key }));
    const record = failureRecordSchema.safeParse(parseJson((await answer.Body?.transformToString()) ?? "")).data;
    return record === undefined ? undefined : { key, id: idOf(key), record };
  } catch (error) {
    if (error instanceof Error && error.name === "NoSuchKey") return undefined;
    throw error;
  }
}

/** `failures/2026-11-21/cleaner/<message id>.<unique>.json` */
function idOf(key: string): string {
  const name = key.slice(key.lastIndexOf("/") + 1).replace(/\.json$/, "");
  return name.slice(name.lastIndexOf(".") + 1);
}

function daysFrom(since: Date, now: Date): readonly string[] {
  const days: string[] = [];
  const last = now.toISOString().slice(0, 10);
  for (let atMs = since.getTime(); ; atMs += dayMs) {
    const day = new Date(atMs).toISOString().slice(0, 10);
    days.push(day);
    if (day >= last) return days;
  }
}
