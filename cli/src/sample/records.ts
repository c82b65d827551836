/** The records of one file, in their order. */
import { createDeck } from "./defects.ts";
import { createDraft } from "./draft.ts";
import type { Draft } from "./draft.ts";
import type { Scene } from "./kind.ts";
import type { FilePlan } from "./plan.ts";
import { itemAt } from "./prng.ts";
import type { Random } from "./prng.ts";

/** `kind` is null for an ordinary record. */
export type PlannedRecord = { readonly draft: Draft; readonly kind: string | null };

/** The share of odd records in a large file; a small one has more, so that it has every kind. */
const ODD_SHARE = 0.08;
const LARGEST_ODD_SHARE = 0.5;

/** Ordinary records, and odd ones at random places among them; the first is ordinary, as a format is told by it. */
export function* generateRecords(plan: FilePlan, random: Random): Generator<PlannedRecord> {
  const deck = createDeck(plan, random);
  const memory = createMemory(random);
  const oddWanted = Math.max(Math.ceil(plan.records * ODD_SHARE), deck.size);
  let oddLeft = Math.min(oddWanted, Math.floor(plan.records * LARGEST_ODD_SHARE));
  let odd = 0;
  for (let index = 0; index < plan.records; index += 1) {
    if (index > 0 && random.chance(oddLeft / (plan.records - index))) {
      oddLeft -= 1;
      const { kind, turn } = deck.draw();
      const draft = kind.plant(createDraft(plan, random, index, odd), { plan, random, turn, ...memory });
      odd += 1;
      // Null: the kind repeats an earlier record, and all are used up. Then this one is ordinary.
      if (draft !== null) {
        yield { draft, kind: kind.name };
        continue;
      }
    }
    const draft = createDraft(plan, random, index, null);
    memory.remember(draft);
    yield { draft, kind: null };
  }
}

type Memory = Pick<Scene, "earlier" | "takeEarlier"> & { readonly remember: (draft: Draft) => void };

const REMEMBERED = 256;

/** Some of the latest ordinary records: bounded, however long the file. */
function createMemory(random: Random): Memory {
  const drafts: Draft[] = [];
  return {
    remember: (draft) => {
      if (drafts.length < REMEMBERED) drafts.push(draft);
      else drafts[random.below(REMEMBERED)] = draft;
    },
    earlier: (wanted) => {
      const candidates = wanted === undefined ? drafts : drafts.filter(wanted);
      return candidates.length === 0 ? null : random.pick(candidates);
    },
    takeEarlier: () => {
      if (drafts.length === 0) return null;
      const index = random.below(drafts.length);
      const taken = itemAt(drafts, index);
      drafts.splice(index, 1);
      return taken;
    },
  };
}
