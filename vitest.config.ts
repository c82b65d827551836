import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";

import { defineConfig } from "vitest/config";

import { createSkippedReporter } from "./test/skipped-reporter.ts";

const services = readdirSync(new URL("services", import.meta.url)).map((name) => `services/${name}`);

export default defineConfig({
  test: {
    // A test that starts processes or loads a real day may share a small machine with three others.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    maxWorkers: availableParallelism(),
    reporters: ["default", createSkippedReporter((text) => process.stdout.write(text))],
    projects: ["shared", ...services, "cli", "test"].map((root) => ({
      extends: true as const,
      test: { name: root === "test" ? "repository" : root.replace("services/", ""), root, include: ["**/*.test.ts"] },
    })),
  },
});
