// A worker as its main.ts starts it, with chaos between it and its clients: `worker.ts NAME ORDERS`, the orders as JSON.

import { createRandom } from "../../src/sample/prng.ts";
import { createChaos } from "./chaos.ts";
import { createDeal } from "./dealt.ts";
import { mutantOf, mutate } from "./mutants.ts";
import { fillNowAndThen } from "./small-disk.ts";

/** What the driver wants of a worker. */
export interface Orders {
  readonly seed: number;
  readonly share: number;
  /** Where faults are noted. */
  readonly folder: string;
  readonly visibilityMs: number;
  readonly mostRetrySeconds?: number | undefined;
  /** Its scratch folder, where that is a small disk of its own to be filled now and then. */
  readonly smallDisk?: string | undefined;
  readonly mutant?: string | undefined;
}

const [name = "", orders = ""] = process.argv.slice(2);
const { seed, share, folder, visibilityMs, smallDisk, mutant, mostRetrySeconds } = JSON.parse(orders) as Orders;
if (mutant !== undefined) mutate(mutantOf(mutant));
const { runMain } = await import("@airlake/shared/worker/run-main");
const deal = createDeal(folder, `${name}-${process.pid}`);
const chaos = createChaos({ random: createRandom(seed, name), deal, share, visibilityMs, mostRetrySeconds });
if (smallDisk !== undefined) void fillNowAndThen(smallDisk, { random: createRandom(seed, "disk"), deal });

const lives: Readonly<Record<string, () => Promise<void>>> = {
  async cleaner() {
    const { loadConfig } = await import("@airlake/cleaner/config");
    const { start } = await import("@airlake/cleaner/start");
    await runMain(name, loadConfig, async (config, clients) => start(config, chaos.around(clients)));
  },
  async joiner() {
    const { loadConfig } = await import("@airlake/joiner/config");
    const { start } = await import("@airlake/joiner/start");
    await runMain(name, loadConfig, async (config, clients) => start(config, chaos.around(clients)));
  },
  async "catalog-sync"() {
    const { loadConfig } = await import("@airlake/catalog-sync/config");
    const { start } = await import("@airlake/catalog-sync/start");
    await runMain(name, loadConfig, async (config, clients) => start(config, chaos.around(clients)));
  },
};
await lives[name]?.();
