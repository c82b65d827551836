/** Odd sources, cleaned and judged by the separate implementation of the same rules: their counts must be equal. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { fixturesFolder } from "@airlake/shared/testing/fixtures";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

import { allLarge, openCleaning, openaqFolder } from "./cleaning.ts";
import { oddSource, type OddSource } from "./odd-sources.ts";

const runs = Number(process.env["AIRLAKE_ODD_SOURCES"] ?? 60);
const seed = Number(process.env["AIRLAKE_SEED"] ?? 20_180_206);

const verdict = z.object({
  format: z.string(),
  read: z.number(),
  kept: z.number(),
  quarantined: z.number(),
  reasons: z.record(z.string(), z.number()),
  flags: z.record(z.string(), z.number()),
});
type Verdict = z.infer<typeof verdict>;

const fixtures = fixturesFolder();
const hasPython = spawnSync("python3", ["--version"]).status === 0;

describe.skipIf(fixtures === undefined || !hasPython)(
  "odd sources, against the separate implementation in Python",
  () => {
    const sources = fc.sample(oddSource, { numRuns: runs, seed });
    let truths: readonly Verdict[] = [];
    beforeAll(() => {
      truths = judgeWithPython(sources, join(fixtures ?? "", "oracle.py"));
    }, 300_000);

    it.each([
      ["judged together in memory", undefined],
      ["judged each alone in a file, as a large source is", allLarge],
    ])("gives the same counts, reasons and flags for each, %s", { timeout: 300_000 }, async (_how, sizes) => {
      await using cleaning = await openCleaning(openaqFolder, sizes);

      // All at once: small sources of one shape are then judged in one go, which must not show.
      const outcomes = await Promise.all(
        sources.map(async ({ name, text }) => cleaning.bytes(text, { key: `openaq/${name}` })),
      );
      for (const [at, outcome] of outcomes.entries()) {
        const ours = outcome.kind === "rejected" ? rejectedVerdict : { format: outcome.format, ...outcome.counts };
        const text = sources[at]?.text;
        expect({ source: text, ...ours }).toEqual({ source: text, ...truths[at] });
      }
    });
  },
);

const rejectedVerdict: Verdict = { format: "unrecognised", read: 0, kept: 0, quarantined: 0, reasons: {}, flags: {} };

function judgeWithPython(sources: readonly OddSource[], oracle: string): readonly Verdict[] {
  const folder = mkdtempSync(join(tmpdir(), "airlake-odd-"));
  try {
    const paths = sources.map(({ name, text }, at) => {
      mkdirSync(join(folder, String(at)));
      const path = join(folder, String(at), name);
      writeFileSync(path, text);
      return path;
    });
    const python = spawnSync("python3", [oracle, ...paths], { encoding: "utf8", maxBuffer: 1 << 28 });
    if (python.status !== 0) throw new Error(python.stderr);
    return python.stdout
      .trimEnd()
      .split("\n")
      .map((line) => verdict.parse(JSON.parse(line)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
