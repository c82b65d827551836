import { cp, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { projectDatasets, removeFolder, startPipeline } from "./pipeline.ts";

/** Water levels of rivers: JSON documents, no country, no coordinates, another key, one partition column of another type. */
const rivers = {
  contract: "dataset/1",
  name: "rivers",
  title: "Water levels at gauges",
  formats: [
    { kind: "json", name: "gauge-json", paths: ["network", "readings"], records: "readings", sql: "formats/gauge.sql" },
  ],
  rulePacks: { "1": "rules-1.sql" },
  reasons: ["malformed-record", "missing-gauge", "dry", "repeated"],
  flags: [
    { name: "flood", at: "clean", comment: "Above the flood mark" },
    { name: "long-river", at: "join", comment: "A name of many letters" },
  ],
  duplicates: { reason: "repeated", key: ["gauge", "taken_on"] },
  columns: [
    { name: "gauge", type: "text", comment: "The gauge's name" },
    { name: "river", type: "text", comment: "The river's name" },
    { name: "taken_on", type: "date", comment: "The day of the reading" },
    { name: "level_cm", type: "int", comment: "The water's level" },
  ],
  table: {
    name: "levels",
    comment: "One row for each reading",
    sql: "join.sql",
    columns: [{ name: "letters", type: "int", comment: "Length of the river's name" }],
    partitions: [{ name: "decade", type: "int", comment: "The decade of the reading" }],
    sort: ["gauge", "taken_on", "source_record"],
  },
};

const sqlFiles = {
  "formats/gauge.sql": `SELECT source_record, doc->>'gauge' AS gauge, doc->>'river' AS river, doc->>'on' AS taken_on, doc->>'cm' AS cm FROM delivered`,
  "rules-1.sql": `
    SELECT source_record, gauge, river, try_cast(taken_on AS DATE) AS taken_on, try_cast(cm AS INTEGER) AS level_cm,
      list_filter([CASE WHEN gauge IS NULL THEN 'missing-gauge' END, CASE WHEN coalesce(try_cast(cm AS INTEGER), 0) <= 0 THEN 'dry' END], lambda x : x IS NOT NULL) AS reasons,
      CASE WHEN try_cast(cm AS INTEGER) > 500 THEN ['flood'] ELSE []::VARCHAR[] END AS flags
    FROM canonical`,
  "join.sql": `
    SELECT clean.* EXCLUDE (flags), len(river)::INTEGER AS letters,
      CASE WHEN len(river) > 5 THEN flags || ['long-river'] ELSE flags END AS flags,
      (year(taken_on) // 10 * 10)::VARCHAR AS decade
    FROM clean`,
};

const readings = {
  network: "north",
  readings: [
    { gauge: "bridge", river: "Meuse", on: "1999-12-31", cm: 120 },
    { gauge: "bridge", river: "Meuse", on: "2001-01-01", cm: 620 },
    { gauge: "bridge", river: "Meuse", on: "2001-01-01", cm: 610 },
    { gauge: "quay", river: "Scheldt", on: "2003-05-05", cm: 80 },
    { gauge: "quay", river: "Scheldt", on: "2003-05-06", cm: -4 },
    { river: "Scheldt", on: "2003-05-07", cm: 0 },
  ],
};

async function addRivers(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "airlake-datasets-"));
  await cp(projectDatasets, folder, { recursive: true });
  await mkdir(join(folder, "rivers", "formats"), { recursive: true });
  await writeFile(join(folder, "rivers", "dataset.json"), JSON.stringify(rivers));
  for (const [name, text] of Object.entries(sqlFiles)) await writeFile(join(folder, "rivers", name), text);
  return folder;
}

test("a second dataset that differs in every respect is a folder and nothing else", async () => {
  await using closing = new AsyncDisposableStack();
  const datasets = closing.adopt(await addRivers(), removeFolder);
  const pipeline = closing.use(await startPipeline({ datasets }));
  const key = "rivers/north/readings";

  await pipeline.put(key, JSON.stringify(readings, undefined, 2));
  await pipeline.quiet();

  expect(await pipeline.manifest("cleaner", key)).toMatchObject({
    state: "current",
    format: "gauge-json",
    counts: {
      read: 6,
      kept: 3,
      quarantined: 3,
      reasons: { repeated: 1, dry: 1, "missing-gauge": 1 },
      flags: { flood: 1 },
    },
  });
  const joined = await pipeline.manifest("joiner", key);
  expect(joined?.outputs.map((part) => part.partition)).toEqual(["decade=1990", "decade=2000"]);
  expect(joined?.counts?.flags).toEqual({ flood: 1, "long-river": 1 });
  const rows = await pipeline.rows(
    "select gauge, level_cm, letters, flags, decade from {gold} order by gauge, taken_on",
  );
  expect(rows).toEqual([
    { gauge: "bridge", level_cm: 120, letters: 5, flags: [], decade: "1990" },
    { gauge: "bridge", level_cm: 620, letters: 5, flags: ["flood"], decade: "2000" },
    { gauge: "quay", level_cm: 80, letters: 7, flags: ["long-river"], decade: "2000" },
  ]);
  const quarantined = await pipeline.rows(
    "select source_record, reasons, original from {quarantine} order by source_record",
  );
  expect(quarantined.map((row) => [row["source_record"], row["reasons"]])).toEqual([
    ["3", ["repeated"]],
    ["5", ["dry"]],
    ["6", ["missing-gauge", "dry"]],
  ]);
  expect(JSON.parse(String(quarantined[1]?.["original"]))).toEqual({
    gauge: "quay",
    river: "Scheldt",
    on: "2003-05-06",
    cm: -4,
  });

  await pipeline.remove(key);
  await pipeline.quiet();
  expect(await pipeline.unnamed()).toEqual([]);
  expect(await pipeline.manifest("joiner", key)).toMatchObject({ state: "retracted" });
});
