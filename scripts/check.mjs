// `npm run check`: format, lint, types and dead code (each answered from turbo's cache where nothing has changed),
// then the tests. With --no-tests, all but the tests.
import { ensureInstalled } from "./install.mjs";
import { runNode } from "./run.mjs";

const gates = ["format:check", "lint", "typecheck", "dead-code"];

const env = { ...ensureInstalled("all"), TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1" };
const turbo = ["node_modules/turbo/bin/turbo", "run", ...gates, "--continue", "--output-logs=errors-only"];
process.exitCode = await runNode(turbo, env);
if (process.exitCode === 0 && !process.argv.includes("--no-tests")) {
  process.exitCode = await runNode(["node_modules/vitest/vitest.mjs", "run"], env);
}
