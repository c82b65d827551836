import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { PutObjectCommand } from "@aws-sdk/client-s3";
import { loadConfig } from "@airlake/cleaner/config";
import { start } from "@airlake/cleaner/start";
import { expect, test, vi } from "vitest";

import { dayFile, line } from "../day-file.ts";
import { projectDatasets, startPipeline } from "../pipeline/pipeline.ts";
import { tempFolder } from "../temp-folder.ts";

const keys = ["openaq/a.csv", "openaq/b.csv", "openaq/c.csv"];

/** The datasets of a newer version: with a second rule pack. */
async function newerDatasets(): Promise<string> {
  const folder = await tempFolder();
  await cp(projectDatasets, folder, { recursive: true });
  const file = join(folder, "openaq", "dataset.json");
  const definition = JSON.parse(await readFile(file, "utf8")) as object;
  await writeFile(file, JSON.stringify({ ...definition, rulePacks: { 1: "rules-1.sql", 2: "rules-2.sql" } }));
  await cp(join(folder, "openaq", "rules-1.sql"), join(folder, "openaq", "rules-2.sql"));
  return folder;
}

test(
  "workers of two versions side by side do not undo one another: who lacks the wanted rule pack hands the message back",
  { timeout: 180_000 },
  async () => {
    await using pipeline = await startPipeline();
    const { lake } = pipeline;
    for (const [at, key] of keys.entries()) await pipeline.put(key, dayFile([line(at)]));
    await pipeline.quiet();
    const wanted = JSON.stringify({ contract: "wanted-rules/1", rulePack: 2 });
    await lake.s3.send(new PutObjectCommand({ Bucket: "ops", Key: "rules/openaq.json", Body: wanted }));
    const made = async () =>
      Promise.all(
        keys.map(async (key) => {
          const manifest = await pipeline.manifest("cleaner", key);
          return [manifest?.rulePack, manifest?.generation];
        }),
      );

    for (const key of [...keys, ...keys]) await pipeline.look(key);
    const refused = () => lake.lines.filter(({ msg }) => msg === "message failed").length;
    await vi.waitFor(() => expect(refused()).toBeGreaterThanOrEqual(6), { timeout: 60_000 });
    const looked = () => refused() + lake.lines.filter(({ reason }) => reason === "already-current").length;
    const byOldAlone = await made();
    const settings = {
      ...{ QUEUE: "clean", DEAD_LETTER_QUEUE: "clean-dlq", NEXT_QUEUE: "join", RAW_BUCKET: "raw" },
      ...{ SILVER_BUCKET: "silver", OPS_BUCKET: "ops", LAKE_FOLDER: lake.folder, DUCKDB_MEMORY_MB: "256" },
      SCRATCH_FOLDER: join(lake.folder, "scratch-newer"),
      DATASETS_FOLDER: await newerDatasets(),
    };
    await using _newer = await start(loadConfig(settings), lake.clients);
    const newest = keys.map(() => [2, 2]);
    await vi.waitFor(async () => expect(await made()).toEqual(newest), { timeout: 60_000 });
    const before = looked();
    for (const key of [...keys, ...keys]) await pipeline.look(key);
    await vi.waitFor(() => expect(looked()).toBeGreaterThanOrEqual(before + 6), { timeout: 60_000 });

    expect(byOldAlone).toEqual(keys.map(() => [1, 1]));
    expect(await made()).toEqual(newest);
    expect(await lake.depth(pipeline.queues.clean.deadLetterUrl)).toBe(0);
  },
);
