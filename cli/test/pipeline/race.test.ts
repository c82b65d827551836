import { expect, test } from "vitest";

import { startPipeline } from "./pipeline.ts";

const header = "location,city,country,utc,local,parameter,value,unit,latitude,longitude,attribution";
const countries = ["BE", "NL", "FR", "DE"];
const row = (value: number): string =>
  `A,A,${countries[value % 4]},2018-02-06T05:00:00Z,2018-02-06T06:00:00+01:00,pm25,${value},µg/m³,,,`;
const key = "openaq/raced.csv";

test("several cleaners and joiners at one source that keeps changing end with its last content", async () => {
  await using closing = new AsyncDisposableStack();
  const pipeline = closing.use(await startPipeline({ env: { CONCURRENCY: "2" } }));
  closing.use(await pipeline.more("cleaner"));
  closing.use(await pipeline.more("joiner"));

  for (let version = 1; version <= 30; version += 1) {
    await pipeline.put(
      key,
      [header, ...Array.from({ length: 1 + (version % 3) }, (_, at) => row(version + at)), ""].join("\n"),
    );
    await pipeline.look(key);
    await pipeline.look(key);
    if (version % 7 === 0) await pipeline.remove(key);
  }
  await pipeline.quiet();

  const rows = await pipeline.rows("select value, country from {gold} order by value");
  expect(rows).toEqual([{ value: 30, country: "FR" }]);
  expect(await pipeline.unnamed()).toEqual([]);
  const [cleaned, joined] = [await pipeline.manifest("cleaner", key), await pipeline.manifest("joiner", key)];
  expect([cleaned?.pending, cleaned?.debris, joined?.pending, joined?.debris]).toEqual([[], [], [], []]);
  expect(joined?.input?.identity).toBe(`${cleaned?.generation}-${cleaned?.attempt}`);
});
