// A worker as its main.ts starts it, with chaos between it and its clients: `worker.ts NAME SEED SHARE [MUTANT]`.
import { createRandom } from "../../src/sample/prng.ts";
import { createChaos } from "./chaos.ts";
import { mutate } from "./mutants.ts";

const [name = "", seed = "0", share = "0", mutant] = process.argv.slice(2);
if (mutant !== undefined) mutate(mutant);
const { runMain } = await import("@airlake/shared/worker/run-main");
const chaos = createChaos(createRandom(Number(seed), name), Number(share));

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
