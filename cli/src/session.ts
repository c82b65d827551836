/** One run of the pipeline by a person: the lake, the services, what they say, and the wish to stop. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { QueueRole } from "@airlake/shared/contracts/topology";

import { CommandError, diskCodeOf, diskFaultOfCode } from "./command-error.ts";
import { type EmbeddedLake, type Ports, openEmbedded, pipelineRoles, startServices } from "./embedded.ts";
import type { Lake } from "./lake.ts";
import { type Rest, depthOf, untilQuiet } from "./pipeline.ts";
import { type Progress, createProgress } from "./progress.ts";
import { counted, grouped } from "./text.ts";
import { createWarningLog } from "./warning-log.ts";
import type { LakeOptions, VerbDeps } from "./verb.ts";
import { type Watch, type WatchListeners, createWatch } from "./watch.ts";

export interface Session {
  readonly opened: EmbeddedLake;
  readonly watch: Watch;
  readonly progress: Progress;
  /** Aborts when the person wishes to stop. */
  readonly signal: AbortSignal;
  /** Waits for the pipeline's rest; `keys` are those counted in what is shown meanwhile, `isDone` asks the ledger about them. */
  rest(keys: readonly string[], isDone: () => Promise<boolean>): Promise<Rest>;
}

/** What a story ends with; "interrupted" where the person wished to stop. */
export type Ended<T> =
  | { readonly kind: "ended"; readonly value: T }
  | { readonly kind: "interrupted"; readonly exitCode: 130 | 143 };

export interface SessionRun {
  readonly lake: Lake;
  readonly options: LakeOptions;
  /** Those of the pipeline unless given. */
  readonly roles?: readonly QueueRole[];
  /** Where the services answer for their health; none unless given. */
  readonly ports?: Ports;
  /** For a session that has no end: is given every line of the services' logs, and no keys are kept. */
  readonly onLine?: (line: string) => void;
}

/** Starts the services, tells the story, and drains them, whatever happens. */
export async function withServices<T>(
  deps: VerbDeps,
  run: SessionRun,
  story: (session: Session) => Promise<T>,
): Promise<Ended<T>> {
  using interruption = deps.interruption();
  const { signal } = interruption;
  const roles = run.roles ?? pipelineRoles;
  const watch = createWatch(listenersOf(deps, run));
  try {
    await using opened = await openEmbedded(run.lake, deps.clock);
    using progress = createProgress(deps.out, deps.clock);
    await using _services = await startServices(opened, watch, roles, run.ports);
    const rest: Session["rest"] = async (keys, isDone) =>
      untilQuiet({ opened, watch, signal, roles, isDone }, async () =>
        progress.tick(async () => describe({ opened, watch, roles }, keys)),
      );
    const value = await story({ opened, watch, progress, signal, rest });
    return signal.aborted ? { kind: "interrupted", exitCode: interruption.exitCode() } : { kind: "ended", value };
  } catch (error) {
    // What was under way when the wish came ends with errors of all kinds: they are no news.
    if (signal.aborted && !(error instanceof CommandError))
      return { kind: "interrupted", exitCode: interruption.exitCode() };
    const code = diskCodeOf(error);
    throw code === "ENOSPC" || code === "EDQUOT" || code === "EROFS" ? diskFaultOfCode(code, run.lake.shown) : error;
  }
}

/** Said after Ctrl-C. */
export function sayInterrupted(deps: VerbDeps): void {
  deps.out.note("Stopped. Nothing is lost: give the same command again, and it goes on where it stopped.");
}

async function describe(
  run: { readonly opened: EmbeddedLake; readonly watch: Watch; readonly roles: readonly QueueRole[] },
  keys: readonly string[],
): Promise<string> {
  const settled = run.watch.settledKeys();
  const done = keys.filter((key) => settled.has(key)).length;
  const depths = await Promise.all(
    run.roles.map(async (role) => ({ role, ...(await depthOf(run.opened, run.opened.queues[role].url)) })),
  );
  const queues = depths.map(({ role, waiting, inHand }) => `${role} ${grouped(waiting + inHand)}`).join(", ");
  const failing = run.watch.failed().length;
  const trouble = failing === 0 ? "" : `, ${grouped(failing)} to be tried again`;
  const records = counted(run.watch.recordsRead(), "record");
  return `${grouped(done)} of ${counted(keys.length, "source")} · ${records} · queued: ${queues}${trouble}`;
}

function listenersOf(deps: VerbDeps, run: SessionRun): WatchListeners {
  const folder = join(run.lake.folder, ".airlake");
  const file = join(folder, "log.ndjson");
  mkdirSync(folder, { recursive: true });
  return {
    onWarning: createWarningLog(file),
    onLine: (line) => {
      if (run.options.debug) deps.out.note(line.trimEnd());
      run.onLine?.(line);
    },
    keepsNoKeys: run.onLine !== undefined,
  };
}
