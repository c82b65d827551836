import { cp, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { PutObjectCommand } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";

import { type Pipeline, projectDatasets, removeFolder, startPipeline } from "./pipeline.ts";

const header = "location,city,country,utc,local,parameter,value,unit,latitude,longitude,attribution";
const row = (value: number): string =>
  `A,A,BE,2018-02-06T05:00:00Z,2018-02-06T06:00:00+01:00,pm25,${value},µg/m³,50.6,5.6,`;
const keys = ["openaq/one.csv", "openaq/two.csv"];

/** Pack 2 keeps what pack 1 quarantines as negative. */
async function addRulePack(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "airlake-datasets-"));
  await cp(projectDatasets, folder, { recursive: true });
  const definition = join(folder, "openaq", "dataset.json");
  const json = JSON.parse(await readFile(definition, "utf8"));
  await writeFile(definition, JSON.stringify({ ...json, rulePacks: { "1": "rules-1.sql", "2": "rules-2.sql" } }));
  const rules = await readFile(join(folder, "openaq", "rules-1.sql"), "utf8");
  const changed = rules.replaceAll("ELSE -5 END", "ELSE -50 END");
  expect(changed).not.toBe(rules);
  await writeFile(join(folder, "openaq", "rules-2.sql"), changed);
  return folder;
}

async function want(pipeline: Pipeline, rulePack: number): Promise<void> {
  const body = JSON.stringify({ contract: "wanted-rules/1", rulePack });
  await pipeline.lake.s3.send(new PutObjectCommand({ Bucket: "ops", Key: "rules/openaq.json", Body: body }));
}

async function lookAtAll(pipeline: Pipeline): Promise<void> {
  for (const key of keys) await pipeline.look(key);
  await pipeline.quiet();
}

test("another rule pack does every source again once, and the first one brings back the very same rows", async () => {
  await using closing = new AsyncDisposableStack();
  const datasets = closing.adopt(await addRulePack(), removeFolder);
  const pipeline = closing.use(await startPipeline({ datasets }));
  for (const key of keys) await pipeline.put(key, [header, row(1), row(-20), ""].join("\n"));
  await pipeline.quiet();
  const first = await pipeline.rows("select * exclude (source_id) from {gold} order by all");
  const generations = async (): Promise<readonly unknown[]> =>
    Promise.all(keys.map(async (key) => (await pipeline.manifest("cleaner", key))?.generation));
  expect(await generations()).toEqual([1, 1]);

  await want(pipeline, 2);
  await lookAtAll(pipeline);
  await lookAtAll(pipeline);

  expect(await generations()).toEqual([2, 2]);
  expect(await pipeline.rows("select value from {gold} order by value")).toEqual(
    [-20, -20, 1, 1].map((value) => ({ value })),
  );
  expect(await pipeline.manifest("cleaner", "openaq/one.csv")).toMatchObject({
    rulePack: 2,
    counts: { kept: 2, quarantined: 0 },
  });

  await want(pipeline, 1);
  await lookAtAll(pipeline);

  expect(await generations()).toEqual([3, 3]);
  expect(await pipeline.rows("select * exclude (source_id) from {gold} order by all")).toEqual(first);
  expect(await pipeline.unnamed()).toEqual([]);
});
