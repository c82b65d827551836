// A worker as its main.ts starts it, with a trap between it and its clients: `victim.ts <worker>`, snares in SNARES. Any message releases.
import { loadConfig as loadCatalogSync } from "@airlake/catalog-sync/config";
import { start as startCatalogSync } from "@airlake/catalog-sync/start";
import { loadConfig as loadCleaner } from "@airlake/cleaner/config";
import { start as startCleaner } from "@airlake/cleaner/start";
import { loadConfig as loadJoiner } from "@airlake/joiner/config";
import { start as startJoiner } from "@airlake/joiner/start";
import { runMain } from "@airlake/shared/worker/run-main";

import { type Snare, createTrap } from "./trap.ts";

const worker = process.argv[2] ?? "";
const snares = JSON.parse(process.env["SNARES"] ?? "[]") as readonly Snare[];
const trap = createTrap(worker, snares, (caught) => process.send?.(caught));
process.on("message", () => trap.release());

const lives: Readonly<Record<string, () => Promise<void>>> = {
  cleaner: async () =>
    runMain(worker, loadCleaner, async (config, clients) => startCleaner(config, trap.around(clients))),
  joiner: async () => runMain(worker, loadJoiner, async (config, clients) => startJoiner(config, trap.around(clients))),
  "catalog-sync": async () =>
    runMain(worker, loadCatalogSync, async (config, clients) => startCatalogSync(config, trap.around(clients))),
};
await lives[worker]?.();
