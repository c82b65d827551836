/** A manifest's number is no proof that the next stage has followed it. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { inProcess } from "../in-process.ts";
import { fileOf, reconciledLake } from "./reconciled-lake.ts";

const patient = { timeout: 120_000 };

test("rows follow a source whose manifest was lost, and whose new one has the number of the old", patient, async () => {
  const lake = await reconciledLake(["a"]);
  const followed = (await lake.manifest("joiner", "a")).input?.identity;
  await rm(lake.manifestFile("cleaner", "a"));
  await rm(await silverOf(lake));
  await writeFile(join(lake.folder, "..", "day", "a.csv"), fileOf("a", 9));

  const ran = await inProcess(["run", join(lake.folder, "..", "day"), ...lake.args]);

  expect(ran.code).toBe(0);
  const cleaner = await lake.manifest("cleaner", "a");
  expect(cleaner.generation).toBe(1);
  expect(followed).toMatch(/^1-/);
  expect((await lake.manifest("joiner", "a")).input?.identity).toBe(`1-${cleaner.attempt}`);
  expect(await lake.query("SELECT value FROM measurements ORDER BY value")).toEqual([{ value: 9 }, { value: 28 }]);
});

test("a lake whose joiner noted the number alone is in order", patient, async () => {
  const lake = await reconciledLake(["a"]);
  await lake.changeManifest("joiner", "a", (manifest) => ({ ...manifest, input: { identity: "1" } }));

  const told = await lake.reconcile();

  expect(told).toMatchObject({ code: 0, findings: {} });
  expect(await lake.query("SELECT state, kept FROM sources")).toMatchObject([{ state: "current" }]);
});

test("what the joiner has rejected keeps its last good rows, and that is in order", patient, async () => {
  const lake = await reconciledLake(["a"]);
  const counts = { read: 9, kept: 9, quarantined: 0, reasons: {}, flags: {} };
  const rejection = { reason: "too-many-partitions", detail: "d", failureKey: "k", parked: true };
  await lake.changeManifest("cleaner", "a", (manifest) => ({ ...manifest, attempt: "next" }));
  await lake.changeManifest("joiner", "a", (manifest) => ({
    ...manifest,
    state: "rejected",
    stale: true,
    rejection,
    counts,
    input: { identity: "1-next" },
    outputs: manifest.outputs.map((part) => ({ ...part, rows: 9 })),
  }));

  const told = await lake.reconcile("--quick");

  expect(told).toMatchObject({ code: 0, findings: {} });
});

/** The file of the clean part, found without its manifest. */
async function silverOf(lake: Awaited<ReturnType<typeof reconciledLake>>): Promise<string> {
  const found = (await lake.objects()).find((file) => file.includes(join("silver", "openaq", "clean")));
  if (found === undefined) throw new Error("no clean part");
  return found;
}
