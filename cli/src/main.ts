#!/usr/bin/env node
/** The command's beginning: what must be set before anything else is loaded. */
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

// Compiling what is loaded takes a third of a second: it is kept for the next command, beside the code and of no use to anyone else.
// Where nothing can be written there, nothing is kept.
enableCompileCache(fileURLToPath(new URL("../../node_modules/.cache/airlake", import.meta.url)));
const { widenThreadPool } = await import("./config.ts");
widenThreadPool();
const { main } = await import("./process.ts");
await main(process);
