/** A kind of odd record: what it is called, what it brings about, and how an ordinary record becomes one. */
import type { Draft, Traits } from "./draft.ts";
import type { FilePlan } from "./plan.ts";
import type { Random } from "./prng.ts";
import { traitsOf } from "./draft.ts";
import type { JoinedFlag, QuarantineReason, RowFlag } from "./words.ts";

export type Kind = {
  readonly name: string;
  /** What it is there for; a small file gets one kind of each effect before it gets a second of any. */
  readonly effect: QuarantineReason | RowFlag | JoinedFlag | "kept";
  readonly fits: (plan: FilePlan) => boolean;
  /** At most once in a file. */
  readonly once: boolean;
  /** Null where it needs an earlier record and there is none. */
  readonly plant: (draft: Draft, scene: Scene) => Draft | null;
};

export type Scene = {
  readonly plan: FilePlan;
  readonly random: Random;
  /** How often this kind was planted in this file before. */
  readonly turn: number;
  /** An ordinary kept record that stands earlier in the file, and is as wanted. */
  readonly earlier: (wanted?: (draft: Draft) => boolean) => Draft | null;
  /** Any such record, and it is not handed out again. */
  readonly takeEarlier: () => Draft | null;
};

type KindOptions = { readonly fits?: Kind["fits"]; readonly once?: boolean };

export function kind(name: string, effect: Kind["effect"], plant: Kind["plant"], options: KindOptions = {}): Kind {
  return { name, effect, plant, fits: options.fits ?? (() => true), once: options.once ?? false };
}

/** The same kind, for these files only. */
export function limited(one: Kind, fits: Kind["fits"]): Kind {
  return { ...one, fits };
}

/** For `fits`: the formats that have this trait. */
export function having(trait: keyof Traits): Kind["fits"] {
  return (plan) => traitsOf(plan.format)[trait];
}

/** For `fits`: the CSV formats. */
export function inCsv(plan: FilePlan): boolean {
  return !traitsOf(plan.format).json;
}

/** A text as a name: what cannot be seen becomes a code point. */
export function shown(text: string): string {
  if (text === "") return "(empty)";
  const visible = text.length > 40 ? `${text.slice(0, 40)}… (${text.length})` : text;
  return visible.replaceAll(/[^\x20-\x7e]/gu, (char) => `<U+${(char.codePointAt(0) ?? 0).toString(16)}>`);
}
