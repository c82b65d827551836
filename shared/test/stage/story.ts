/** One schedule, told step by step: for interleavings that have a name. */
import type { Manifest } from "../../src/contracts/manifest.ts";
import type { StageName } from "../../src/contracts/keys.ts";
import type { Protocol } from "./load-protocol.ts";
import { type Run, startRun } from "./simulation.ts";
import { type Bounds, type Label, type World, manifestOf, noFaults } from "./world.ts";

export interface Story {
  readonly world: World;
  /** The next change of the source, and its message. */
  change(): Promise<void>;
  /** A worker takes a message. */
  take(worker: number, stage?: StageName): Promise<void>;
  /** A worker works until its next request would be this one. */
  workUntil(worker: number, label: Label): Promise<void>;
  /** A worker's next request ends like this. */
  next(worker: number, how: "go" | "lose" | "refuse" | "cut"): Promise<void>;
  /** A worker works until it has nothing in hand. */
  finish(worker: number): Promise<void>;
  die(worker: number): Promise<void>;
  /** A worker's message can be taken by another; the worker does not know. */
  expire(worker: number): Promise<void>;
  /** All that is left, one after the other; then says what is wrong, if anything. */
  end(): Promise<string | undefined>;
  /** The parts that a stage's manifest names, as `content.attempt`. */
  outputs(stage?: StageName): readonly string[];
  manifest(stage?: StageName): Manifest | undefined;
}

/** Faults in any number. */
const anyFaults = { crashes: 9, expiries: 9, lostAnswers: 9, refusals: 9 };

export function tell(protocol: Protocol, bounds: Partial<Bounds>): Story {
  const run = startRun(protocol, { ...noFaults, ...anyFaults, ...bounds });
  const labelOf = (worker: number): Label | undefined => run.world.workers[worker]?.requests[0]?.label;
  const go = async (worker: number): Promise<void> => run.step(`go ${worker} 0`);
  return {
    world: run.world,
    change: async () => run.step("world"),
    take: async (worker, stage = "cleaner") => run.step(`receive ${worker} ${stage}`),
    async workUntil(worker, label) {
      while (labelOf(worker) !== label) {
        if (labelOf(worker) === undefined)
          throw new Error(`worker ${worker} never came to ${label}: ${run.schedule.join(" · ")}`);
        await go(worker);
      }
    },
    next: async (worker, how) => run.step(`${how} ${worker} 0`),
    async finish(worker) {
      while (labelOf(worker) !== undefined) await go(worker);
    },
    die: async (worker) => run.step(`die ${worker}`),
    expire: async (worker) => run.step(`expire ${worker}`),
    end: async () => end(run),
    outputs: (stage = "cleaner") => (manifestOf(run.world, stage)?.outputs ?? []).map(({ key }) => nameOf(key)),
    manifest: (stage = "cleaner") => manifestOf(run.world, stage),
  };
}

async function end(run: Run): Promise<string | undefined> {
  for (let [plain] = run.choices().plain; plain !== undefined; [plain] = run.choices().plain) await run.step(plain);
  return run.fault();
}

/** `toy/gold/X0.1-a1` is `X.a1`. */
function nameOf(key: string): string {
  const [, , file = ""] = key.split("/");
  return `${file[0]}.${file.slice(file.indexOf("-") + 1)}`;
}
