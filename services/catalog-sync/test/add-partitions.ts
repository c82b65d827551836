/** A process that adds partitions one by one, as two workers at once: node add-partitions.ts FILE COUNTRY HOW_MANY */
import { systemClock } from "@airlake/shared/clock";
import { tablesOf } from "@airlake/shared/contracts/tables";

import { createDuckDbCatalog } from "../src/duckdb-catalog.ts";
import { buckets, weather } from "./weather.ts";

const [, , file = "", country = "", count = "0"] = process.argv;
const tables = tablesOf(weather("weather"), buckets);
await Promise.all(
  [1000, 2000].map(async (from) => {
    const catalog = createDuckDbCatalog({ file, clock: systemClock });
    for (let at = 0; at < Number(count); at += 1) {
      await catalog.ensureTables(tables);
      await catalog.ensurePartitions(tables[0]!, [`country=${country}/year=${from + at}`]);
    }
  }),
);
