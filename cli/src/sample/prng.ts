/** A seeded source of randomness: the same seed and label give the same numbers on every machine. */
export type Random = {
  /** A number in [0, 1). */
  readonly unit: () => number;
  /** A whole number in [0, limit). */
  readonly below: (limit: number) => number;
  readonly chance: (probability: number) => boolean;
  readonly pick: <T>(from: readonly T[]) => T;
  /** A shuffled copy. */
  readonly shuffle: <T>(list: readonly T[]) => T[];
};

/**
 * The mulberry32 generator: 32 bits of state, period 2^32, good enough to choose test records by, useless for secrets.
 * `label` gives every file a stream of its own, so that a change to one file leaves the others as they were.
 */
export function createRandom(seed: number, label: string): Random {
  let state = startState(seed, label);
  const unit = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  const below = (limit: number): number => Math.floor(unit() * limit);
  return {
    unit,
    below,
    chance: (probability) => unit() < probability,
    pick: (from) => itemAt(from, below(from.length)),
    shuffle: (list) => shuffled(list, below),
  };
}

/** The item of a list that is known to have it: an index outside is a mistake of ours, so it throws. */
export function itemAt<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new RangeError(`no item ${index} in a list of ${list.length}`);
  return item;
}

/** FNV-1a over the label, started from both halves of the seed, so that seeds beyond 32 bits differ too. */
function startState(seed: number, label: string): number {
  const high = Math.floor(seed / 0x1_0000_0000);
  let hash = Math.imul((seed | 0) ^ 0x811c9dc5, 0x01000193) ^ Math.imul(high | 0, 0x9e3779b1);
  for (let i = 0; i < label.length; i += 1) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
  return hash | 0;
}

/** Fisher-Yates. */
function shuffled<T>(list: readonly T[], below: (limit: number) => number): T[] {
  const copy = [...list];
  for (let i = copy.length - 1; i > 0; i -= 1) {
    const j = below(i + 1);
    const moved = itemAt(copy, i);
    copy[i] = itemAt(copy, j);
    copy[j] = moved;
  }
  return copy;
}
