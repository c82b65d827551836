/** Clean parts joined in the engine, without queues and buckets around it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { type DuckDb, openDuckDb } from "@airlake/shared/duckdb";
import { loadDataset } from "@airlake/shared/load-dataset";
import { afterEach, beforeEach, expect, test } from "vitest";

import { type Joined, joinParts } from "../src/join-parts.ts";
import { createReferences } from "../src/references.ts";

const dataset = await loadDataset(fileURLToPath(new URL("../../../datasets/openaq", import.meta.url)));
const never = new AbortController().signal;
const rows = 3000;

let folder = "";
let duckdb: DuckDb;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "airlake-join-"));
  duckdb = await openDuckDb({ threads: 2, memoryLimitMb: 256, scratch: folder });
});
afterEach(async () => {
  duckdb[Symbol.dispose]();
  await rm(folder, { recursive: true });
});

test("each part holds the rows of one partition, in the table's order, and the engine is left empty", async () => {
  await writeClean("a");

  const joined = await joinOne("a", rows);

  expect(joined?.parts.map(({ partition, rows: count }) => [partition, count])).toEqual([
    ["country=BE/year=2018/month=02", 1000],
    ["country=BE/year=2018/month=03", 1000],
    ["country=FR/year=2018/month=01", 1000],
  ]);
  for (const { file } of joined?.parts ?? []) {
    expect(
      await ask(`
        select count(*)::int as n from (
          select (location, parameter, utc, source_record) as key, lag(key) over (order by file_row_number) as before
          from read_parquet('${file}', file_row_number = true)
        ) where key < before`),
    ).toEqual([{ n: 0 }]);
  }
  expect(await tables()).toEqual([]);
});

test("an attempt that fails or is given up leaves nothing in the engine", async () => {
  await writeClean("a");
  const abort = new AbortController();

  await expect(joinOne("a", rows + 1)).rejects.toThrow("3000 rows for 3001 clean ones");
  const given = joinOne("a", rows, abort.signal);
  abort.abort(new Error("given up"));

  await expect(given).rejects.toThrow("given up");
  expect(await tables()).toEqual([]);
});

test("writes nothing of a source with more partitions than it may have, and all of another beside it", async () => {
  await writeClean("a");
  await writeClean("b", 2);
  const deps = { duckdb, references: createReferences(), dataset, mostPartitions: 3 };
  const attempt = { id: "1", generation: 1, rulePack: null, scratch: folder, signal: never };
  const jobOf = (sourceId: string) => ({ sourceId, file: join(folder, `${sourceId}.parquet`), kept: rows, attempt });

  const [a, b] = await joinParts(deps, [jobOf("a"), jobOf("b")]);

  expect([a?.partitions, a?.parts.length]).toEqual([3, 3]);
  expect([b?.partitions, b?.parts.length]).toEqual([6, 0]);
});

async function joinOne(sourceId: string, kept: number, signal = never): Promise<Joined | undefined> {
  const attempt = { id: "1", generation: 1, rulePack: null, scratch: folder, signal };
  const job = { sourceId, file: join(folder, `${sourceId}.parquet`), kept, attempt };
  return (await joinParts({ duckdb, references: createReferences(), dataset, mostPartitions: 100 }, [job]))[0];
}

async function ask(sql: string): Promise<readonly unknown[]> {
  using session = await duckdb.connect(never);
  return await session.rows(sql);
}

async function tables(): Promise<readonly unknown[]> {
  return ask("select table_name from duckdb_tables()");
}

/** Places without order, in two countries and three months of each of so many years. */
async function writeClean(sourceId: string, years = 1): Promise<void> {
  await ask(`
    copy (
      select '${sourceId}' as source_id, n as source_record, 'openaq-legacy-csv' as format, 'Place ' || (n * 7919) % 100 as location,
        null::bigint as location_id, null::bigint as sensor_id, null::varchar as city,
        case when n % 3 = 0 then 'FR' else 'BE' end as country_code, country_code as country_raw, 'pm25' as parameter, 'µg/m³' as unit,
        5::double as value, timestamptz '2018-02-06 05:00:00+00' as utc, null::timestamp as local_time, null::int as utc_offset_minutes,
        make_date((2018 + n % ${years})::int, 1 + (n % 3)::int, 6) as local_date, null::int as averaging_seconds, null::double as latitude, null::double as longitude,
        null::varchar as source_name, null::varchar as source_type, null::boolean as mobile, null::varchar as attribution,
        []::varchar[] as flags
      from range(1, ${rows + 1}) as numbers(n)
    ) to '${join(folder, `${sourceId}.parquet`)}' (format parquet)`);
}
