/** One look through a lake from beginning to end, with its scratch; and what is mended with it. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { knownDatasets } from "../datasets.ts";
import { discard, privateFolder } from "../lake.ts";
import type { OpenedLake } from "../opened-lake.ts";
import { type LookSettings, type Looked, lookThrough } from "./look-through.ts";
import { type Repair, repair } from "./repair.ts";
import { openScratch } from "./scratch.ts";
import { type Group, groupsOf } from "./screen.ts";

/** What was looked at, what is off, what was done about it. */
export interface Story {
  readonly looked: Looked;
  readonly groups: readonly Group[];
  readonly repairs: readonly Repair[];
}

export interface LookOptions {
  /** Hours after which what is unfinished or unnamed is nobody's any more. */
  readonly grace: number;
  /** Sizes only, no footers. */
  readonly quick: boolean;
  readonly deleteMany: boolean;
}

export interface Once {
  readonly options: LookOptions;
  readonly signal: AbortSignal;
  readonly tick: (text: () => string) => Promise<void>;
  readonly repairs: "now" | "later";
}

/** Looks once; mends at once what it has found, or leaves that for later. */
export async function lookOnce(opened: OpenedLake, { options, signal, tick, repairs }: Once): Promise<Story> {
  const folder = opened.lake === undefined ? tmpdir() : await privateFolder(opened.lake, "scratch");
  await using closing = new AsyncDisposableStack();
  const made = closing.adopt(await mkdtemp(join(folder, "reconcile-")), discard);
  const scratch = closing.use(openScratch(join(made, "scratch.sqlite")));
  const datasets = await knownDatasets();
  const settings: LookSettings = { graceHours: options.grace, readsFooters: !options.quick };
  const deps = { opened, scratch, datasets, signal, tick };
  const looked = await lookThrough(deps, settings);
  const groups = groupsOf(scratch);
  const done: Repair[] = [];
  if (repairs === "now") {
    const mostDeletions = options.deleteMany ? Infinity : Math.max(100, looked.parts / 10);
    await repair({ ...deps, done: (one) => void done.push(one) }, { graceHours: options.grace, mostDeletions });
  }
  return { looked, groups, repairs: done };
}
