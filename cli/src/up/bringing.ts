/** Brings whole files in, a few at a time, and remembers which. */
import { join } from "node:path";
import type { Clock } from "@airlake/shared/clock";

import type { DropMemory } from "./drop-memory.ts";
import { type FileFacts, signatureOf } from "./settling.ts";
import { lookAt } from "./walk-drop.ts";

/** A whole file, and the key that it gets. */
export interface DroppedFile {
  readonly key: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/** A file as it was when it was found to be whole; `path` is inside the drop folder. */
export interface Whole {
  readonly path: string;
  readonly key: string;
  readonly facts: FileFacts;
}

export interface BringingDeps {
  readonly clock: Clock;
  readonly memory: DropMemory;
  /** Brings a file into raw. What it throws is told, and tried again later. */
  readonly bring: (file: DroppedFile) => Promise<void>;
  /** A sentence for the person, about a path in the drop folder; the same is told once. */
  readonly tell: (path: string, sentence: string) => void;
  /** The file has to be looked at again, not before this monotonic time unless it changes. */
  readonly again: (whole: Whole, notBeforeMs: number) => void;
}

export interface Bringing {
  take(whole: Whole): void;
  has(path: string): boolean;
  count(): number;
  /** Takes up nothing more, and waits for what is under way. */
  end(): Promise<void>;
}

/** A disk gains nothing from more. */
const atOnce = 4;
const againMs = 10_000;

export function createBringing(deps: BringingDeps, folder: string): Bringing {
  const inLine: Whole[] = [];
  const known = new Set<string>();
  const underWay = new Set<Promise<void>>();
  let ending = false;

  const start = (): void => {
    for (let free = ending ? 0 : atOnce - underWay.size; free > 0; free -= 1) {
      const whole = inLine.shift();
      if (whole === undefined) return;
      const work = bringOne(deps, folder, { whole, isEnding: () => ending }).finally(() => {
        underWay.delete(work);
        known.delete(whole.path);
        start();
      });
      underWay.add(work);
    }
  };
  return {
    take: (whole) => {
      known.add(whole.path);
      inLine.push(whole);
      start();
    },
    has: (path) => known.has(path),
    count: () => known.size,
    end: async () => {
      ending = true;
      await Promise.all(underWay);
    },
  };
}

/** Never throws. */
async function bringOne(
  deps: BringingDeps,
  folder: string,
  { whole, isEnding }: { readonly whole: Whole; readonly isEnding: () => boolean },
): Promise<void> {
  const { path, key, facts } = whole;
  const at = join(folder, path);
  const failure = await deps.bring({ key, path: at, sizeBytes: facts.sizeBytes }).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (isEnding() && failure !== undefined) return;
  const nowMs = deps.clock.monotonicMs();
  const now = await lookAt(at).catch(() => "nothing" as const);
  // Written to since, or gone: whatever was brought in, or failed to be, is not what lies there now.
  if (typeof now === "string" || signatureOf(now) !== signatureOf(facts)) return deps.again(whole, nowMs);
  if (failure === undefined) return deps.memory.remember(path, signatureOf(facts));
  deps.tell(path, sentenceOf(failure.error));
  deps.again(whole, nowMs + againMs);
}

function sentenceOf(error: unknown): string {
  const [first = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
  return `it could not be brought in, and is tried again: ${first}`;
}
