#!/usr/bin/env node
/** The command's beginning: what must be set before anything else is loaded. */
import { widenThreadPool } from "./config.ts";

widenThreadPool();
const { main } = await import("./process.ts");
await main(process);
