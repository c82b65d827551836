/**
 * `aimed.ts AIM,AIM… [MUTANT]`: a lake and its workers in this one process, each aim on sources of its own. Says as JSON what is not as it must be
 * when all is at rest.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import type { Clients } from "@airlake/shared/clients";
import { type Clock, systemClock } from "@airlake/shared/clock";
import { sourceIdOf } from "@airlake/shared/contracts/keys";
import { catalogFileOf } from "@airlake/shared/embedded/catalog-file";
import { createLogger } from "@airlake/shared/logger";

import { type EmbeddedLake, openEmbedded, pipelineRoles } from "../../src/embedded.ts";
import { openLake } from "../../src/lake.ts";
import { type Aimed, aimAt } from "./aim-at.ts";
import { endOfLease } from "./aims.ts";
import { aimedSources } from "./aimed-sources.ts";
import { startCrew } from "./crew.ts";
import { mutantOf, mutate } from "./mutants.ts";
import { judge } from "./verdict.ts";
import { createWorld } from "./world.ts";

/** The clock runs so many times as fast: what failed comes back sooner. */
const times = 4;
/** Where it is waited for the end of a lease, leases are short; elsewhere none is to end because a machine is busy. */
const visibilitySeconds = { short: 12, long: 120 };
const sourcesPerAim = 2;
const patienceMs = 60_000;
const restMs = 600;

const [names = "", name] = process.argv.slice(2);
const aimNames = names.split(",");
const mutant = name === undefined ? undefined : mutantOf(name);
if (mutant !== undefined) mutate(mutant);
const folder = await mkdtemp(join(tmpdir(), "airlake-aimed-"));
try {
  process.stdout.write(`${JSON.stringify(await run())}\n`);
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}
// Workers that an aim has left hanging would never end.
process.exit();

async function run(): Promise<{ readonly faults: readonly string[]; readonly missed: readonly string[] }> {
  const clock = fastClock();
  const opened = await openEmbedded(await openLake(join(folder, "lake"), "create"), clock);
  const sources = aimedSources(sourcesPerAim, aimNames);
  const visibility = visibilitySeconds[aimNames.includes(endOfLease) ? "short" : "long"];
  const ids = [...sources.keys()].map(
    (key) => [sourceIdOf({ bucket: opened.topology.buckets.raw, key }), key] as const,
  );
  const aiming = aimAt(sources, new Map(ids));
  const world = createWorld(opened, { ...aiming, leaseMs: (visibility * 1000 * 0.75) / times });
  const log = createLogger("aimed", { level: "silent", version: "" });
  const clients: Clients = { s3: opened.s3, sqs: opened.sqs, log, clock };
  await startCrew(opened, visibility, (who) => aiming.around(who, clients, world));
  for (const [key, { bodies }] of sources) await world.put(key, bodies.good);
  const isAtRest = await atRest(opened, aiming);
  const { faults, orphans } = await judge(
    { folder: opened.lake.folder, buckets: opened.topology.buckets, catalogFile: catalogFileOf(opened.lake.folder) },
    [...sources.values()].map(({ fate }) => fate),
  );
  return {
    faults: [
      ...faults,
      ...orphans.map((part) => `${part} is there, and no manifest names it`),
      ...(isAtRest ? [] : ["messages come back again and again"]),
    ],
    missed: aiming.missed(),
  };
}

/** Quiet for a while: who was held up until now still has something to do. */
async function atRest(opened: EmbeddedLake, aiming: Pick<Aimed, "isBusy">): Promise<boolean> {
  const deadlineMs = Date.now() + patienceMs;
  let quietSinceMs = Date.now();
  while (Date.now() < deadlineMs) {
    if (aiming.isBusy() || !opened.isQuiet(mutant?.rests ?? pipelineRoles)) quietSinceMs = Date.now();
    if (Date.now() - quietSinceMs > restMs) return true;
    await wait(20);
  }
  return false;
}

function fastClock(): Clock {
  const startedMs = Date.now();
  return {
    ...systemClock,
    now: () => new Date(startedMs + (Date.now() - startedMs) * times),
    monotonicMs: () => systemClock.monotonicMs() * times,
    sleep: async (ms, signal) => systemClock.sleep(ms / times, signal),
  };
}
