import { globSync } from "node:fs";
import { availableParallelism } from "node:os";

import { defineConfig } from "vitest/config";

import { createSkippedReporter } from "./test/skipped-reporter.ts";
import root from "./package.json" with { type: "json" };

const folders = globSync(root.workspaces, { cwd: import.meta.dirname }).toSorted();

export default defineConfig({
  test: {
    // A test that starts processes or loads a real day may share a small machine with three others.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: availableParallelism(),
    reporters: ["default", createSkippedReporter((text) => process.stdout.write(text))],
    projects: [...folders, "test"].map((folder) => ({
      extends: true as const,
      test: {
        name: folder === "test" ? "repository" : folder.replace("services/", ""),
        root: folder,
        include: ["**/*.test.ts"],
      },
    })),
  },
});
