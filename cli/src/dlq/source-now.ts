/** A dead message's source then and now: what the worker read, and what lies in raw and in the ledger today. */
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { httpStatusOf } from "@airlake/shared/errors";

import { placeOf, readEntries } from "../ledger.ts";
import type { OpenedLake } from "../opened-lake.ts";
import type { Dead } from "./dead.ts";

/** `unknown`: the record does not say what the source was, or the message names none or several. */
export type Change = "unchanged" | "changed" | "gone" | "unknown";

export interface SourceNow {
  readonly key: string | undefined;
  readonly change: Change;
  readonly was: string | undefined;
  readonly now: { readonly etag: string; readonly sizeBytes: number; readonly lastModified: string | null } | undefined;
}

/** Asks raw about the one source of a message. */
export async function sourceNow(opened: OpenedLake, dead: Dead): Promise<SourceNow> {
  const [key] = dead.keys;
  const was = dead.failure?.record.identity;
  if (key === undefined || dead.keys.length !== 1) return { key: undefined, change: "unknown", was, now: undefined };
  try {
    const head = await opened.s3.send(new HeadObjectCommand({ Bucket: opened.topology.buckets.raw, Key: key }));
    const etag = head.ETag ?? "";
    const now = { etag, sizeBytes: head.ContentLength ?? 0, lastModified: head.LastModified?.toISOString() ?? null };
    return { key, change: changeOf(dead, { etag, lastModified: now.lastModified ?? "" }), was, now };
  } catch (error) {
    if (httpStatusOf(error) !== 404) throw error;
    return { key, change: "gone", was, now: undefined };
  }
}

/** By its ETag where the record has it; else by when it was last written. The joiner's identity is a generation, not an ETag. */
function changeOf(dead: Dead, now: { readonly etag: string; readonly lastModified: string }): Change {
  const was = dead.failure?.record.identity;
  if (was !== undefined && dead.stage === "cleaner") return was === now.etag ? "unchanged" : "changed";
  // S3 tells whole seconds.
  return now.lastModified.slice(0, 19) > dead.at.slice(0, 19) ? "changed" : "unchanged";
}

/** What the ledger says of a source now, in a few words. */
export async function ledgerNow(opened: OpenedLake, key: string): Promise<string> {
  const entries = await readEntries(placeOf(opened), opened.topology.buckets.raw, [key]);
  const cleaner = entries.get(key)?.cleaner;
  if (cleaner === undefined) return "never seen";
  const kept = cleaner.counts === null ? "" : `, ${cleaner.counts.kept.toLocaleString("en-US")} records kept`;
  const reason = cleaner.rejection === null ? "" : ` (${cleaner.rejection.reason})`;
  return `${cleaner.state}${reason}${cleaner.stale ? ", stale" : ""}${kept}`;
}
