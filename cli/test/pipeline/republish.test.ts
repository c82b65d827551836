import { PutObjectCommand } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";

import { type Pipeline, startPipeline } from "./pipeline.ts";

const header = "location,city,country,utc,local,parameter,value,unit,latitude,longitude,attribution";
const row = (value: number | string, country = "BE", day = "2018-02-06"): string =>
  `Liège,Liège,${country},${day}T05:00:00Z,${day}T06:00:00+01:00,pm25,${value},µg/m³,50.6,5.6,"[{""name"":""a, b""}]"`;
const file = (...rows: readonly string[]): string => [header, ...rows, ""].join("\n");
const key = "openaq/2018-02-06.csv";

async function values(pipeline: Pipeline): Promise<readonly unknown[]> {
  const rows = await pipeline.rows("select value from {gold} order by value");
  return rows.map((found) => found["value"]);
}

test("a file becomes rows in the partition of its country and local month", async () => {
  await using pipeline = await startPipeline();

  await pipeline.put(key, file(row(1), row(2, "NL"), row(-999), row(3, "BE", "2018-01-31")));
  await pipeline.quiet();

  const rows = await pipeline.rows(
    "select country, year, month, value, country_name, country_alpha3, country_numeric, local_date from {gold} order by value",
  );
  expect(rows).toEqual([
    expect.objectContaining({
      country: "BE",
      year: "2018",
      month: "02",
      value: 1,
      country_name: "Belgium",
      country_alpha3: "BEL",
      country_numeric: "056",
    }),
    expect.objectContaining({ country: "NL", year: "2018", month: "02", value: 2, country_numeric: "528" }),
    expect.objectContaining({ country: "BE", year: "2018", month: "01", value: 3, local_date: "2018-01-31" }),
  ]);
  const quarantined = await pipeline.rows("select source_record, reason, original from {quarantine}");
  expect(quarantined).toEqual([expect.objectContaining({ source_record: "3", reason: "sentinel-value" })]);
  expect(JSON.parse(String(quarantined[0]?.["original"]))).toMatchObject({ value: "-999", city: "Liège" });
  expect(await pipeline.unnamed()).toEqual([]);
});

test("a republished file replaces exactly its own rows", async () => {
  await using pipeline = await startPipeline();
  await pipeline.put(key, file(row(1), row(2, "NL")));
  await pipeline.put("openaq/other.csv", file(row(10)));
  await pipeline.quiet();

  await pipeline.put(key, file(row(5)));
  await pipeline.quiet();

  expect(await values(pipeline)).toEqual([5, 10]);
  expect(await pipeline.unnamed()).toEqual([]);
  const manifest = await pipeline.manifest("joiner", key);
  expect(manifest?.outputs.map((part) => part.partition)).toEqual(["country=BE/year=2018/month=02"]);
});

test("a file that is republished with a header only is a good source without records", async () => {
  await using pipeline = await startPipeline();
  await pipeline.put(key, file(row(1)));
  await pipeline.put("openaq/other.csv", file(row(10)));
  await pipeline.quiet();

  await pipeline.put(key, file());
  await pipeline.quiet();

  expect(await values(pipeline)).toEqual([10]);
  expect(await pipeline.manifest("cleaner", key)).toMatchObject({ state: "current", counts: { read: 0 }, outputs: [] });
  expect(await pipeline.unnamed()).toEqual([]);
});

test("a removed file takes its rows out, and brings them back when it returns with the same bytes", async () => {
  await using pipeline = await startPipeline();
  await pipeline.put(key, file(row(1)));
  await pipeline.put("openaq/other.csv", file(row(10)));
  await pipeline.quiet();

  await pipeline.remove(key);
  await pipeline.quiet();
  expect(await values(pipeline)).toEqual([10]);
  expect(await pipeline.manifest("cleaner", key)).toMatchObject({ state: "retracted", outputs: [] });
  expect(await pipeline.unnamed()).toEqual([]);

  await pipeline.put(key, file(row(1)));
  await pipeline.quiet();
  expect(await values(pipeline)).toEqual([1, 10]);
  expect(await pipeline.unnamed()).toEqual([]);
});

test("a new version that is no good leaves the last good rows, marked stale, and is parked once", async () => {
  await using pipeline = await startPipeline();
  await pipeline.put(key, file(row(1)));
  await pipeline.quiet();

  await pipeline.put(key, "this is no table of measurements\n");
  await pipeline.quiet();
  await pipeline.look(key);
  await pipeline.quiet();

  expect(await values(pipeline)).toEqual([1]);
  expect(await pipeline.manifest("cleaner", key)).toMatchObject({
    state: "rejected",
    stale: true,
    rejection: { reason: "unrecognised-format", parked: true },
  });
  const parked = await pipeline.lake.take(pipeline.queues.clean.deadLetterUrl);
  expect(parked.map((message) => message.attributes["reason"])).toEqual(["unrecognised-format"]);

  await pipeline.put(key, file(row(7)));
  await pipeline.quiet();
  expect(await values(pipeline)).toEqual([7]);
  expect(await pipeline.manifest("cleaner", key)).toMatchObject({ state: "current", stale: false, rejection: null });
  expect(await pipeline.unnamed()).toEqual([]);
});

test("a key outside every dataset is parked as unknown-dataset, and the rest goes on", async () => {
  await using pipeline = await startPipeline();

  await pipeline.put("nobody/knows.csv", file(row(1)));
  await pipeline.put("loose.csv", file(row(1)));
  await pipeline.put(key, file(row(2)));
  await pipeline.quiet();

  const parked = await pipeline.lake.take(pipeline.queues.clean.deadLetterUrl);
  expect(parked.map((message) => message.attributes["reason"])).toEqual(["unknown-dataset", "unknown-dataset"]);
  expect(await values(pipeline)).toEqual([2]);
});

test("repeated and reordered messages change nothing", async () => {
  await using pipeline = await startPipeline();
  await pipeline.put(key, file(row(1)));
  await pipeline.quiet();
  const before = await pipeline.manifest("joiner", key);

  for (let repeat = 0; repeat < 5; repeat += 1) await pipeline.look(key);
  await pipeline.look("openaq/never-there.csv");
  await pipeline.quiet();

  expect(await pipeline.manifest("joiner", key)).toEqual(before);
  expect(await values(pipeline)).toEqual([1]);
  expect(await pipeline.unnamed()).toEqual([]);
});

test("a wanted rule pack that this worker lacks leaves the message on the queue", async () => {
  await using pipeline = await startPipeline();
  const wanted = JSON.stringify({ contract: "wanted-rules/1", rulePack: 99 });
  await pipeline.lake.s3.send(new PutObjectCommand({ Bucket: "ops", Key: "rules/openaq.json", Body: wanted }));

  await pipeline.put(key, file(row(1)));
  await expect
    .poll(() => pipeline.lake.lines.some((line) => line["msg"] === "message failed"), { timeout: 10_000 })
    .toBe(true);

  expect(await pipeline.manifest("cleaner", key)).toBeUndefined();
  expect(await pipeline.lake.depth(pipeline.queues.clean.url)).toBe(1);
});
