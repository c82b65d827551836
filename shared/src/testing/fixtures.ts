import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * The folder of recorded source files that lies beside the project, or undefined where it is absent: then the tests
 * that need it skip themselves. With AIRLAKE_REQUIRE_FIXTURES=1 absence throws instead. AIRLAKE_FIXTURES names another.
 */
export function fixturesFolder(): string | undefined {
  const beside = fileURLToPath(new URL("../../../../shared/data", import.meta.url));
  const folder = process.env["AIRLAKE_FIXTURES"] ?? beside;
  if (existsSync(folder)) return folder;
  if (process.env["AIRLAKE_REQUIRE_FIXTURES"] !== "1") return undefined;
  throw new Error(`AIRLAKE_REQUIRE_FIXTURES is set, but there is no folder ${folder}`);
}
