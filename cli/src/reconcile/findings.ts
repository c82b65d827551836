/** The kinds of what can be off in a lake: what each means, and what mends it. */
import { stageNames } from "@airlake/shared/contracts/keys";
import type { Manifest } from "@airlake/shared/contracts/manifest";
import { z } from "zod";

/** In the order in which they are told. */
export const kindNames = [
  "never-seen",
  "changed-unseen",
  "not-retracted",
  "joiner-behind",
  "other-rules",
  "unfinished",
  "lost-manifest",
  "unreadable-manifest",
  "misnamed-manifest",
  "missing-part",
  "damaged-part",
  "counts-off",
  "orphan",
  "unregistered-partition",
  "empty-partition",
  "unfinished-upload",
] as const;
export type Kind = (typeof kindNames)[number];

/** What a kind means. */
export const meanings: Readonly<Record<Kind, string>> = {
  "never-seen": "in raw, but no stage knows of it: its notification was lost",
  "changed-unseen": "raw has another version than the lake: a notification was lost",
  "not-retracted": "gone from raw, but its rows are still in the lake",
  "joiner-behind": "cleaned, but gold has not followed",
  "other-rules": "made under other rules or definitions than the newest sources",
  unfinished: "an attempt began and nobody ended it",
  "lost-manifest": "the source was worked on, but its manifest is gone",
  "unreadable-manifest": "the manifest is damaged",
  "misnamed-manifest": "a manifest that lies under another name than its source's",
  "missing-part": "a part that the manifest names is not there",
  "damaged-part": "a part is another than the manifest says",
  "counts-off": "the manifest's counts do not add up",
  orphan: "an object that no manifest names",
  "unregistered-partition": "has parts, but the catalog does not know it",
  "empty-partition": "in the catalog, but no part is in it",
  "unfinished-upload": "parts of an upload that was never completed",
};

const stage = z.enum(stageNames);
const mend = z.discriminatedUnion("how", [
  /** Send the stage its pointer. */
  z.object({ how: z.literal("send"), stage }),
  /** Change the stage's manifest so that it is not in line with its input any more, then send. */
  z.object({ how: z.literal("redo"), stage }),
  /** Delete an object of nobody. */
  z.object({ how: z.literal("delete"), bucket: z.enum(["silver", "gold"]) }),
  /** Move a manifest that no stage reads out of the way of those who list manifests. */
  z.object({ how: z.literal("set-aside") }),
  z.object({ how: z.literal("register"), dataset: z.string() }),
  z.object({ how: z.literal("unregister"), dataset: z.string() }),
  z.object({ how: z.literal("abort"), bucket: z.string(), uploadId: z.string() }),
  /** Only a person can: `next` says what to do. */
  z.object({ how: z.literal("person"), next: z.string() }),
]);
/** What mends a finding. */
export type Mend = Readonly<z.infer<typeof mend>>;

export const findingSchema = z.object({
  kind: z.enum(kindNames),
  /** The source's id; "" where it belongs to none. */
  sourceId: z.string(),
  /** The source's key; "" where it is not known. */
  source: z.string(),
  /** The object, partition or manifest that it is about; the source's key where it is about the source as a whole. */
  what: z.string(),
  /** A few words more. */
  detail: z.string(),
  mend,
});
export type Finding = Readonly<z.infer<typeof findingSchema>>;

/** What makes the parts of this manifest again. */
export function mendOf({ stage: of, state }: Pick<Manifest, "stage" | "state">): Mend {
  // The last good version is nowhere any more: looking at the newest one again would reject it again.
  return state === "rejected"
    ? { how: "person", next: "put a good version of the source again" }
    : { how: "redo", stage: of };
}
