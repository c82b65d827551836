/** All kinds of odd records, and the order in which a file gets them. */
import { PLACE_KINDS } from "./defects-place.ts";
import { REPEAT_KINDS } from "./defects-repeat.ts";
import { SHAPE_KINDS } from "./defects-shape.ts";
import { TEXT_KINDS } from "./defects-text.ts";
import { TIME_KINDS } from "./defects-time.ts";
import { VALUE_KINDS } from "./defects-value.ts";
import type { Kind } from "./kind.ts";
import type { FilePlan } from "./plan.ts";
import type { Random } from "./prng.ts";
import { itemAt } from "./prng.ts";

export type Deck = {
  /** How many kinds fit the file: after that many draws each was drawn once. */
  readonly size: number;
  readonly draw: () => { readonly kind: Kind; readonly turn: number };
};

const ALL_KINDS: readonly Kind[] = [
  ...SHAPE_KINDS,
  ...TIME_KINDS,
  ...VALUE_KINDS,
  ...PLACE_KINDS,
  ...TEXT_KINDS,
  ...REPEAT_KINDS,
];

/**
 * One kind of each effect first, then the others, then round again: so even a file with room for few odd records has
 * each reason and flag that its format can have. `turn` counts the earlier draws of the same kind.
 */
export function createDeck(plan: FilePlan, random: Random): Deck {
  const fitting = random.shuffle(ALL_KINDS.filter((candidate) => candidate.fits(plan)));
  const firsts = fitting.filter((one, index) => fitting.findIndex((other) => other.effect === one.effect) === index);
  const others = fitting.filter((one) => !firsts.includes(one));
  const firstRound = [...random.shuffle(firsts), ...others];
  const laterRounds = firstRound.filter((one) => !one.once);
  let drawn = 0;
  const draw = (): { kind: Kind; turn: number } => {
    const index = drawn;
    drawn += 1;
    if (index < firstRound.length) return { kind: itemAt(firstRound, index), turn: 0 };
    const later = index - firstRound.length;
    return {
      kind: itemAt(laterRounds, later % laterRounds.length),
      turn: 1 + Math.floor(later / laterRounds.length),
    };
  };
  return { size: firstRound.length, draw };
}
