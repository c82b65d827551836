import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { systemClock } from "@airlake/shared/clock";
import { mendFuse, permitRetractions, readFuse } from "@airlake/shared/stage/fuse";
import { describe, expect, test, vi } from "vitest";

import { json } from "../airlake.ts";
import { dayFile, line } from "../day-file.ts";
import { inProcess } from "../in-process.ts";
import { type Pipeline, startPipeline } from "../pipeline/pipeline.ts";
import { type ReconciledLake, reconciledLake } from "./reconciled-lake.ts";

const env = { FUSE_SHARE_PERCENT: "20", FUSE_MINIMUM: "3" };

function placeOf(pipeline: Pipeline) {
  return { s3: pipeline.lake.s3, opsBucket: "ops", clock: systemClock };
}

async function filled(pipeline: Pipeline, sources: number): Promise<readonly string[]> {
  const keys = Array.from({ length: sources }, (_, at) => `openaq/source-${String(at).padStart(2, "0")}.csv`);
  for (const [at, key] of keys.entries()) await pipeline.put(key, dayFile([line(at % 24)]));
  await pipeline.quiet();
  return keys;
}

/** How many sources have rows in the lake. */
async function current(pipeline: Pipeline, keys: readonly string[]): Promise<number> {
  const manifests = await Promise.all(keys.map(async (key) => pipeline.manifest("cleaner", key)));
  return manifests.filter((manifest) => manifest?.state === "current").length;
}

/** Messages that came back to the queue after a refusal. */
function refusals(pipeline: Pipeline): number {
  return pipeline.lake.lines.filter(
    ({ msg, reason, service }) => msg === "message failed" && reason === "transient" && service !== "joiner",
  ).length;
}

describe("the fuse", { timeout: 120_000 }, () => {
  test("stops an emptied bucket from emptying the lake, whatever the number of workers, until it is let to", async () => {
    await using pipeline = await startPipeline({ env });
    await using _second = await pipeline.more("cleaner");
    const keys = await filled(pipeline, 20);

    await Promise.all(keys.map(async (key) => pipeline.remove(key)));
    await vi.waitFor(() => expect(refusals(pipeline)).toBeGreaterThanOrEqual(keys.length), { timeout: 60_000 });

    const held = await current(pipeline, keys);
    const blown = await readFuse(placeOf(pipeline), "openaq");
    await permitRetractions(placeOf(pipeline), "openaq", { retractions: 20, forMs: 60_000, by: "me", mends: true });
    await pipeline.quiet();
    expect(held).toBe(17);
    expect(blown.blown).toMatchObject({ retractions: 3, sources: 3 });
    expect(pipeline.lake.lines).toContainEqual(expect.objectContaining({ msg: "mass retraction stopped", level: 50 }));
    expect(await current(pipeline, keys)).toBe(0);
    expect(await readFuse(placeOf(pipeline), "openaq")).toMatchObject({ blown: null, pass: { left: 3 } });
    await expect(pipeline.rows("select * from {gold}")).rejects.toThrow("no gold part in the lake");
    expect(await pipeline.lake.depth(pipeline.queues.clean.deadLetterUrl)).toBe(0);
  });

  test("lets go of what came back, and holds nothing once it is mended", async () => {
    await using pipeline = await startPipeline({ env });
    const keys = await filled(pipeline, 8);
    await Promise.all(keys.map(async (key) => pipeline.remove(key)));
    await vi.waitFor(() => expect(refusals(pipeline)).toBeGreaterThanOrEqual(5), { timeout: 60_000 });

    for (const [at, key] of keys.entries()) await pipeline.put(key, dayFile([line(at % 24)]));
    await pipeline.quiet();

    expect(await current(pipeline, keys)).toBe(8);
    await mendFuse(placeOf(pipeline), "openaq");
    for (const key of keys.slice(0, 2)) await pipeline.remove(key);
    await pipeline.quiet();
    expect(await current(pipeline, keys)).toBe(6);
  });
});

describe("airlake fuse", { timeout: 120_000 }, () => {
  const blown = { at: "2026-11-21T03:00:00.000Z", retractions: 60, sources: 200 };
  const fuse = { contract: "fuse/1", dataset: "openaq", recent: {}, sources: null, blown, pass: null };

  async function blow(lake: ReconciledLake): Promise<void> {
    await mkdir(join(lake.folder, "ops", "fuse"), { recursive: true });
    await writeFile(join(lake.folder, "ops", "fuse", "openaq.json"), JSON.stringify(fuse));
  }

  test("says loudly that it is blown, and what to do; takes a person's word with its reason", async () => {
    const lake = await reconciledLake(["a"]);
    const whole = await inProcess(["fuse", ...lake.args]);
    await blow(lake);

    const told = await inProcess(["fuse", ...lake.args]);
    const dumb = await inProcess(["fuse", "pass", "5", ...lake.args]);
    const passed = await inProcess(["fuse", "pass", "5", "--because", "withdrawn", ...lake.args]);
    const audit = await inProcess(["audit", "--json", ...lake.args]);

    expect(whole).toMatchObject({ code: 0, stdout: "openaq: whole; 0 sources taken out within the last hour\n" });
    expect(told.code).toBe(1);
    expect(told.stdout).toContain("openaq: BLOWN since 2026-11-21 03:00 UTC, after 60 of 200 sources");
    expect(dumb).toMatchObject({ code: 2, stdout: "" });
    expect(passed.code).toBe(0);
    expect(passed.stdout).toContain("5 more may go until");
    expect(json(audit)).toMatchObject([{ action: "fuse-pass", because: "withdrawn", outcome: "done" }]);
  });

  test("holds what vanished, shows it as off, and lets by what an operator removes", async () => {
    const lake = await reconciledLake(["a", "b"]);
    await blow(lake);
    await lake.removeUnseen("a");

    const told = await lake.reconcile("--repair");
    const removed = await inProcess(["rm", "openaq/day/b.csv", "--yes", ...lake.args]);

    expect(told).toMatchObject({ code: 1, left: { "not-retracted": { count: 1 } } });
    expect(removed.code).toBe(0);
    expect(await lake.query("SELECT DISTINCT source_id FROM measurements")).toHaveLength(1);
  });
});
