/** Asks a lake, in the test's own process, as `airlake query` does. */
import { systemClock } from "@airlake/shared/clock";

import { knownDatasets } from "../../src/datasets.ts";
import { openQuery } from "../../src/query/open-query.ts";
import { jsonOf } from "../../src/query/result-value.ts";

export async function lakeRows(lake: string, sql: string): Promise<readonly (readonly unknown[])[]> {
  await using query = await openQuery({ lake, datasets: await knownDatasets(), clock: systemClock });
  const { chunks } = await query.run(sql, new AbortController().signal);
  const rows: (readonly unknown[])[] = [];
  for await (const chunk of chunks) rows.push(...chunk.map((row) => row.map(jsonOf)));
  return rows;
}

/** How many records the lake shows. */
export async function recordCount(lake: string): Promise<number> {
  return Number((await lakeRows(lake, "SELECT count(*) FROM measurements"))[0]?.[0]);
}
