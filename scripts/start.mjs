// `npm start`: installs what running needs, then shows the whole pipeline on a generated day.
import { ensureInstalled } from "./install.mjs";
import { runNode } from "./run.mjs";

const env = ensureInstalled("production");
process.exitCode = await runNode(["cli/src/main.ts", "demo", ...process.argv.slice(2)], env);
