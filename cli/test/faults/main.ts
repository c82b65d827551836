/**
 * `npm run faults`: sources that are put, republished, removed and brought back, in bursts, while workers are killed and everything
 * between them and the lake fails now and then. When all is quiet, each record's fate must be the one that the plan says.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { openEmbedded } from "../../src/embedded.ts";
import { openLake } from "../../src/lake.ts";
import { systemClock } from "@airlake/shared/clock";
import { type Storm, calm, storm } from "./driver.ts";
import { parkedIn } from "./parked.ts";
import { planOf } from "./plan.ts";
import { faultsOf } from "./verdict.ts";

const usage = `npm run faults -- [options]

  --sources N    sources whose fate is followed (500)
  --minutes N    how long the storm lasts, at least (2)
  --seed N       the same seed gives the same plan and the same dice (1)
  --share P      the share of requests that go wrong (0.04)
  --kill-ms N    a worker is killed about so often, in milliseconds (2500)
  --workers N    workers of each kind (2)
  --mutant NAME  with a guarding line taken away: the suite must find fault (see mutants.ts)
  --keep         leave the lake and the workers' logs where they are
`;

interface Options {
  readonly sources: number;
  readonly minutes: number;
  readonly seed: number;
  readonly share: number;
  readonly killEveryMs: number;
  readonly workers: number;
  readonly mutant: string | undefined;
  readonly keep: boolean;
}

/** Longest time to quiet after the storm, in minutes: a message that failed nine times comes back after five to nine. */
const calmMinutes = 20;
const shown = 20;

process.exitCode = await main();

async function main(): Promise<number> {
  const options = optionsIn(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(usage);
    return 2;
  }
  const folder = join(import.meta.dirname, "..", "..", "..", ".scratch", `faults-${options.seed}-${process.pid}`);
  await mkdir(folder, { recursive: true });
  try {
    return await run(folder, options);
  } finally {
    if (options.keep) say(`The lake and the workers' logs are in ${folder}`);
    else await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function run(folder: string, options: Options): Promise<number> {
  await using opened = await openEmbedded(await openLake(join(folder, "lake"), "create"), systemClock);
  const plan = planOf(options.sources, options.seed);
  say(`${options.sources} sources, ${plan.steps.length} changes, seed ${options.seed}`);
  const given: Storm = { ...options, opened, steps: plan.steps, onTick: tick(plan.steps.length) };
  const { kills, crashes } = await storm(given);
  say(`${kills} workers killed; waiting for quiet`);
  await calm(given, calmMinutes);
  const deserving = new Set(plan.fates.filter(({ mayBeParked }) => mayBeParked).map(({ key }) => key));
  const isDeserved = (one: { readonly reason: string; readonly keys: readonly string[] }): boolean =>
    one.reason === "unrecognised-format" && one.keys.every((key) => deserving.has(key));
  const { left, replayed } = await parkedIn(opened, (one) => !isDeserved(one));
  if (replayed.length > 0) {
    say(`${replayed.length} messages died of the storm, not of their source (${reasonsOf(replayed)}): replayed`);
    await calm(given, calmMinutes);
  }
  const dead = new Set(left.flatMap(({ keys }) => keys));
  const faults = [
    ...crashes,
    ...(await faultsOf(opened, plan.fates)),
    ...plan.fates.filter(({ key, last }) => last === "broken" && !dead.has(key)).map(({ key }) => `${key}: not parked`),
  ];
  for (const fault of faults.slice(0, shown)) say(`  ${fault}`);
  if (faults.length > shown) say(`  and ${faults.length - shown} more`);
  const rows = plan.fates.reduce((sum, fate) => sum + fate.rows.length, 0);
  say(
    `${plan.fates.length} fates, ${rows} rows, ${left.length} parked: ${faults.length === 0 ? "all as planned" : `${faults.length} faults`}`,
  );
  return faults.length === 0 ? 0 : 1;
}

function reasonsOf(parked: readonly { readonly reason: string }[]): string {
  const counts = Map.groupBy(parked, ({ reason }) => reason);
  return [...counts].map(([reason, all]) => `${all.length} ${reason}`).join(", ");
}

/** A line every few seconds. */
function tick(steps: number): Storm["onTick"] {
  let lastMs = 0;
  return (done) => {
    if (Date.now() - lastMs < 5000 && done.steps < steps) return;
    lastMs = Date.now();
    say(`${done.steps} of ${steps} changes, ${done.kills} killed`);
  };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function optionsIn(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      sources: { type: "string", default: "500" },
      minutes: { type: "string", default: "2" },
      seed: { type: "string", default: "1" },
      share: { type: "string", default: "0.04" },
      "kill-ms": { type: "string", default: "2500" },
      workers: { type: "string", default: "2" },
      mutant: { type: "string" },
      keep: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const numbers = [values.sources, values.minutes, values.seed, values.share, values["kill-ms"], values.workers].map(
    Number,
  );
  if (numbers.some((number) => !(number >= 0))) return undefined;
  const [sources = 0, minutes = 0, seed = 0, share = 0, killEveryMs = 0, workers = 0] = numbers;
  return { sources, minutes, seed, share, killEveryMs, workers, mutant: values.mutant, keep: values.keep };
}
