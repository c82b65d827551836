// Every guarding line of the protocol is needed: without it the search finds a schedule that ends badly.
import { expect, test } from "vitest";

import { loadProtocol } from "./load-protocol.ts";
import { mutants } from "./mutants.ts";
import { search } from "./search.ts";
import { noFaults } from "./world.ts";

test.for(mutants)("the search finds fault with a protocol that $name", async ({ edits, bounds, plan }) => {
  const mutant = await loadProtocol(edits);

  const finding = await search(
    mutant,
    { ...noFaults, ...bounds },
    { departures: 3, attempts: 4, walks: 0, limit: 15_000, ...plan },
  );

  expect(finding.fault).toBeDefined();
});

test("a mutant whose line is no longer there is refused", async () => {
  const loading = loadProtocol([{ file: "align.ts", from: "a line that never was", to: "" }]);

  await expect(loading).rejects.toThrow("align.ts has 0 times");
});
