import { fileURLToPath } from "node:url";

import { defineConfig } from "vitest/config";

import { createSkippedReporter } from "../../../test/skipped-reporter.ts";

/** `npm run test:compose`: apart from the other tests, for it builds images and starts nine containers. */
export default defineConfig({
  test: {
    name: "compose",
    root: fileURLToPath(new URL(".", import.meta.url)),
    include: ["**/*.compose.ts"],
    testTimeout: 400_000,
    hookTimeout: 300_000,
    // Each file has a stack of its own: a small machine has room for one.
    fileParallelism: false,
    reporters: ["default", createSkippedReporter((text) => process.stdout.write(text))],
  },
});
