/** The story of `reprocess`: every source of raw is looked at again, and what was made under other rules is made again. */
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { datasetOfKey, wantedRulesKey } from "@airlake/shared/contracts/keys";

import { accountOf } from "./account.ts";
import { CommandError } from "./command-error.ts";
import { typed } from "./hint.ts";
import { type Entry, listKeys, placeOf, readEntries } from "./ledger.ts";
import type { OpenedLake } from "./opened-lake.ts";
import { askToLook } from "./pipeline.ts";
import type { BringDeps } from "./run-files.ts";
import type { Session } from "./session.ts";
import { counted, grouped, printable } from "./text.ts";

export interface Wanted {
  /** Sources whose keys begin with one of these; all where there is none. */
  readonly prefixes: readonly string[];
  /** Those of this dataset only. */
  readonly dataset: string | undefined;
  /** The rule pack that its sources are to be made by from now on; as before where it is undefined. */
  readonly rulePack: number | undefined;
  /** The datasets that there are. Sources of others were parked, and would only be parked once more. */
  readonly known: ReadonlySet<string>;
}

export interface Rejection {
  readonly key: string;
  readonly reason: string;
  readonly detail: string;
}

export interface Reprocessed {
  readonly sources: number;
  readonly done: number;
  readonly unchanged: number;
  readonly rejected: readonly Rejection[];
}

/** How often each stage had made something of a source before, by key. No more is kept: there may be very many. */
type Before = Map<string, string>;

const pageSize = 500;

/** Undefined where the person wished to stop. Throws CommandError for a prefix that no key begins with. */
export async function reprocessSources(session: Session, wanted: Wanted): Promise<Reprocessed | undefined> {
  const { opened, signal } = session;
  const before = await askForSources(session, wanted);
  if (signal.aborted) return undefined;
  // The ledger cannot say that a source was looked at and nothing was to be done: only queues at rest do.
  const rest = await session.rest([...before.keys()], async () => false);
  if (rest.kind === "interrupted") return undefined;
  const failed = rest.kind === "gave-up" ? rest.failed : [];
  const failing = new Map(failed.flatMap(({ keys, error }) => keys.map((key) => [key, error] as const)));
  return sumUp(opened, { wanted, before, failing });
}

/**
 * Writes which rule pack is wanted, if one is, and has the cleaner look at every source; those that have a dataset are asked for.
 * Throws CommandError for a prefix that no key begins with.
 */
export async function askForSources(deps: BringDeps, wanted: Wanted): Promise<Before> {
  const { opened } = deps;
  const prefixes = wanted.prefixes.length === 0 ? [""] : [...new Set(wanted.prefixes)];
  for (const prefix of prefixes) await checkPrefix(opened, prefix, wanted);
  if (wanted.dataset !== undefined && wanted.rulePack !== undefined)
    await wantRulePack(opened, wanted.dataset, wanted.rulePack);
  const before: Before = new Map();
  for (const prefix of prefixes) await askAll(deps, prefix, { wanted, before });
  return before;
}

/** The stages read it for each attempt. */
async function wantRulePack(opened: OpenedLake, dataset: string, rulePack: number): Promise<void> {
  await opened.s3.send(
    new PutObjectCommand({
      Bucket: opened.topology.buckets.ops,
      Key: wantedRulesKey(dataset),
      Body: `${JSON.stringify({ contract: "wanted-rules/1", rulePack })}\n`,
      ContentType: "application/json",
    }),
  );
}

async function checkPrefix(opened: OpenedLake, prefix: string, wanted: Wanted): Promise<void> {
  for await (const keys of keysOf(opened, prefix, wanted)) if (prefix === "" || keys.length > 0) return;
  if (prefix === "") return;
  throw new CommandError(
    `No source's key begins with ${printable(prefix)}.`,
    `See the keys with: ${typed("airlake sources", opened.shown)}. Nothing was done.`,
  );
}

async function* keysOf(opened: OpenedLake, prefix: string, { dataset }: Wanted): AsyncGenerator<readonly string[]> {
  for await (const keys of listKeys(placeOf(opened), prefix, opened.topology.buckets.raw))
    yield dataset === undefined ? keys : keys.filter((key) => datasetOfKey(key) === dataset);
}

async function askAll(
  deps: BringDeps,
  prefix: string,
  { wanted, before }: { readonly wanted: Wanted; readonly before: Before },
): Promise<void> {
  const { opened, signal, progress } = deps;
  for await (const keys of keysOf(opened, prefix, wanted)) {
    if (signal.aborted) return;
    const fresh = keys.filter((key) => !before.has(key));
    const entries = await readEntries(placeOf(opened), opened.topology.buckets.raw, fresh);
    for (const key of fresh) before.set(key, generationsOf(entries.get(key)));
    await askToLook(
      opened,
      fresh.filter((key) => wanted.known.has(datasetOfKey(key) ?? "")),
    );
    await progress.tick(() => `${counted(before.size, "source")} to look at`);
  }
}

function generationsOf(entry: Entry | undefined): string {
  return `${entry?.cleaner?.generation ?? 0} ${entry?.joiner?.generation ?? 0}`;
}

interface Ended {
  readonly wanted: Wanted;
  readonly before: Before;
  /** The error of a message that still fails, by key. */
  readonly failing: ReadonlyMap<string, string>;
}

async function sumUp(opened: OpenedLake, ended: Ended): Promise<Reprocessed> {
  const keys = [...ended.before.keys()];
  const rejected: Rejection[] = [];
  let done = 0;
  for (let at = 0; at < keys.length; at += pageSize) {
    const page = keys.slice(at, at + pageSize);
    const entries = await readEntries(placeOf(opened), opened.topology.buckets.raw, page);
    for (const key of page) {
      const after = entries.get(key) ?? { cleaner: undefined, joiner: undefined };
      const rejection = rejectionOf(key, after, ended);
      if (rejection !== undefined) rejected.push(rejection);
      else if (generationsOf(after) !== ended.before.get(key)) done += 1;
    }
  }
  return { sources: keys.length, done, unchanged: keys.length - done - rejected.length, rejected };
}

function rejectionOf(key: string, after: Entry, { wanted, failing }: Ended): Rejection | undefined {
  const dataset = datasetOfKey(key) ?? "";
  if (!wanted.known.has(dataset))
    return { key, reason: "unknown-dataset", detail: `There is no dataset ${printable(dataset)}.` };
  // It went away meanwhile, and its rows with it.
  if (after.cleaner?.state === "retracted") return undefined;
  const error = failing.get(key);
  const { line, detail = "" } = accountOf({
    key,
    before: after,
    after,
    etag: undefined,
    ...(error === undefined ? {} : { failing: error }),
  });
  return line.outcome === "rejected" ? { key, reason: line.reason ?? "unknown", detail } : undefined;
}

/** A line such as `3 sources: 2 done again, 1 unchanged`. */
export function reprocessedText({ sources, done, unchanged, rejected }: Reprocessed): string {
  const counts: readonly (readonly [number, string])[] = [
    [done, "done again"],
    [unchanged, "unchanged"],
    [rejected.length, "rejected"],
  ];
  const parts = counts.flatMap(([count, what]) => (count === 0 ? [] : [`${grouped(count)} ${what}`]));
  return `${counted(sources, "source")}: ${parts.join(", ")}`;
}
