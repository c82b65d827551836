import type { Reporter, TestModule, Vitest } from "vitest/node";

/** Names at the end of a run each test that was skipped, with the reason it gave: nothing is left out unseen. */
export function createSkippedReporter(write: (text: string) => void): Reporter {
  let vitest: Vitest | undefined;
  return {
    onInit(started) {
      vitest = started;
    },
    onTestRunEnd(modules) {
      // Whoever asks for tests by name has left out the others, and knows.
      if (vitest?.getGlobalTestNamePattern() !== undefined) return;
      const skipped = modules.flatMap(skippedIn);
      if (skipped.length > 0) write(` Skipped here:\n${skipped.map((line) => `  ${line}\n`).join("")}\n`);
    },
  };
}

function skippedIn(module: TestModule): readonly string[] {
  return [...module.children.allTests("skipped")].map((test) => {
    const result = test.result();
    const reason = result.state === "skipped" && result.note !== undefined ? ` (${result.note})` : "";
    return `${module.project.name}: ${test.fullName}${reason}`;
  });
}
