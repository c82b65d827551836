import { expect, test } from "vitest";

import type { Manifest } from "../../src/contracts/manifest.ts";
import { committed } from "../../src/stage/manifest-steps.ts";

const source = { bucket: "raw", key: "openaq/day.csv" };
const target = { source, sourceId: "s", dataset: "openaq", correlationId: "c" };

test("a manifest remembers its last twenty versions, the newest first", () => {
  let manifest: Manifest | undefined;
  for (let generation = 1; generation <= 21; generation += 1) {
    manifest = committed(manifest, {
      target,
      stage: "cleaner",
      deps: { workerVersion: "1" },
      fingerprint: { text: "f", rulePack: 1 },
      identity: { identity: `e${generation}` },
      attempt: { id: "a", generation, rulePack: 1, scratch: "", signal: new AbortController().signal },
      wanted: "gone",
      failureKey: undefined,
      replayId: undefined,
      at: new Date(0),
      tookMs: 1,
    });
    expect(manifest.versions).toHaveLength(Math.min(generation, 20));
  }

  expect([manifest?.versions.at(0)?.identity, manifest?.versions.at(-1)?.identity]).toEqual(["e21", "e2"]);
});
