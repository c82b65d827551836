/** Finds the source that a person named, or says what they may have meant. */
import type { Manifest } from "@airlake/shared/contracts/manifest";

import { CommandError } from "./command-error.ts";
import { typed } from "./hint.ts";
import type { OpenedLake } from "./opened-lake.ts";
import { listEntries, listKeys, placeOf, readEntries } from "./ledger.ts";
import { nearKeys } from "./near-keys.ts";
import { printable } from "./text.ts";

/** The cleaner's manifest of a source that is in the lake. Throws CommandError, naming what is near, where there is none. */
export async function knownSource(opened: OpenedLake, key: string): Promise<Manifest> {
  const entries = await readEntries(placeOf(opened), opened.topology.buckets.raw, [key]);
  const manifest = entries.get(key)?.cleaner;
  if (manifest === undefined || manifest.state === "retracted") throw await unknownSource(opened, key);
  return manifest;
}

/** What to say of a key that is not in the lake. */
export async function unknownSource(opened: OpenedLake, key: string): Promise<CommandError> {
  const place = placeOf(opened);
  const keys = new Set<string>();
  for await (const page of listKeys(place, "", opened.topology.buckets.raw)) for (const one of page) keys.add(one);
  for await (const { cleaner } of listEntries(place)) if (cleaner.state !== "retracted") keys.add(cleaner.source.key);
  const near = nearKeys(key, [...keys]).map(printable);
  const next =
    near.length === 0
      ? `See the keys with: ${typed("airlake sources", opened.shown)}`
      : `Did you mean ${near.join(" or ")}?`;
  return new CommandError(`There is no source ${printable(key)} in the lake.`, next);
}
