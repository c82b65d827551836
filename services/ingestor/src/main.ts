import { runMain } from "@airlake/shared/worker/run-main";
import { loadConfig } from "./config.ts";
import { start } from "./start.ts";

await runMain("ingestor", loadConfig, start);
