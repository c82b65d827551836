// Prints `N passed, N failed[, N skipped]` over the JSON reports of the test runner; ends 1 unless something passed and nothing failed.
import { readFileSync } from "node:fs";

const counts = { passed: 0, failed: 0, skipped: 0 };
for (const file of process.argv.slice(2).flatMap((path) => readReport(path))) {
  for (const test of file.assertionResults) {
    const kind = kindOf(test.status);
    counts[kind] += 1;
    if (kind === "skipped") console.log(`Skipped: ${test.fullName}`);
  }
  // A file that could not be loaded holds no test that failed.
  if (file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed")) counts.failed += 1;
}
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;

function kindOf(status) {
  return status === "passed" || status === "failed" ? status : "skipped";
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).testResults;
  } catch {
    console.error(`The test runner left no report in ${path}: none of its tests is known to have passed.`);
    // Counts as a file that could not be loaded.
    return [{ status: "failed", assertionResults: [] }];
  }
}
