/** What is known of one source in every layer of the lake, as a look found it. */
import type { StageName } from "@airlake/shared/contracts/keys";
import type { Manifest } from "@airlake/shared/contracts/manifest";

export interface RawFacts {
  readonly key: string;
  readonly etag: string;
  readonly modifiedMs: number;
}

/** A stage's manifest, or what lies in its place. Versions and timings are left out of a manifest: nothing here asks for them. */
export type StageFacts =
  | { readonly kind: "manifest"; readonly manifest: Manifest; readonly etag: string; readonly modifiedMs: number }
  | { readonly kind: "unreadable"; readonly why: string; readonly etag: string; readonly modifiedMs: number };

/** An object below a folder of parts. */
export interface ObjectFacts {
  readonly bucket: "silver" | "gold";
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

export interface SourceFacts {
  readonly sourceId: string;
  readonly raw: RawFacts | undefined;
  readonly cleaner: StageFacts | undefined;
  readonly joiner: StageFacts | undefined;
  /** Everything whose name begins with the source's id, named by a manifest or not. */
  readonly objects: readonly ObjectFacts[];
}

/** Where a stage's parts lie. */
export const bucketOfStage: Readonly<Record<StageName, "silver" | "gold">> = { cleaner: "silver", joiner: "gold" };

/** The source's id that a part's key begins with; "" where it is no part's name. */
export function sourceIdIn(key: string): string {
  return /^([0-9a-f]{32})\.\d+-[0-9a-z]+\.parquet$/.exec(key.slice(key.lastIndexOf("/") + 1))?.[1] ?? "";
}

/** The generation in a part's name; 0 where it has none. */
export function generationIn(key: string): number {
  return Number(/\.(\d{1,15})-[0-9a-z]+\.parquet$/.exec(key)?.[1] ?? 0);
}

/** The manifest, where it can be read. */
export function manifestIn(facts: StageFacts | undefined): Manifest | undefined {
  return facts?.kind === "manifest" ? facts.manifest : undefined;
}

/** The source's key as far as any layer tells it. */
export function keyOf(facts: SourceFacts): string | undefined {
  return facts.raw?.key ?? manifestIn(facts.cleaner)?.source.key ?? manifestIn(facts.joiner)?.source.key;
}
