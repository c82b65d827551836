// `npm test`: installs the rest, then runs the tests. Further words go to the test runner: npm test -- keys
import { ensureInstalled } from "./install.mjs";
import { runNode } from "./run.mjs";

const env = ensureInstalled("all");
process.exitCode = await runNode(["node_modules/vitest/vitest.mjs", "run", ...process.argv.slice(2)], env);
