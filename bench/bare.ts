/** bare.sql as something to run: the statement, the shares of the two stages in it, and whether its rows are the pipeline's. */
import { readFile, rm } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";

import { createBorders } from "../services/joiner/src/enrich/borders.ts";
import { loadCountries } from "../services/joiner/src/enrich/countries.ts";
import { loadPlaces } from "../services/joiner/src/enrich/places.ts";
import { openDuckDb, quoteName, quoteText } from "../shared/src/duckdb.ts";
import { type Spent, timed } from "./measure.ts";

/** What the pipeline has made of the file. */
export interface Made {
  readonly sourceId: string;
  /** ISO 8601. */
  readonly referenceTime: string;
  /** Its gold parts, as paths. */
  readonly gold: readonly string[];
}

export interface Bare extends Disposable {
  /** The whole statement, or the share of it that one service does: from the file to clean rows, from these to gold. */
  run(what: "whole" | "clean" | "join"): Promise<Spent>;
  /** Throws where the rows of its last run are not the pipeline's, column by column. Returns how many they are. */
  checkRows(): Promise<number>;
}

const duplicateKey = ["country_key", "city", "location", "parameter", "unit", "utc", "latitude", "longitude", "value"];
const cut = "-- Until here it is the cleaner's share, from here on the joiner's.";

/** `input` is a legacy CSV file inside `folder`. Places are located beforehand: their table is given to both. */
export async function openBare(folder: string, input: string, made: Made): Promise<Bare> {
  const gold = join(folder, "bare-gold");
  const clean = quoteText(join(folder, "bare-clean.parquet"));
  const memoryLimitMb = Math.floor(totalmem() / 2 / 1024 / 1024);
  const duckdb = await openDuckDb({ threads: availableParallelism(), memoryLimitMb, scratch: folder });
  const session = await duckdb.connect(new AbortController().signal);
  const names = new Map([
    ["input", input],
    ["output", gold],
    ["source_id", made.sourceId],
    ["reference_time", made.referenceTime],
    ["duplicate_key", duplicateKey.map(quoteName).join(", ")],
  ]);
  const text = (await readFile(new URL("./bare.sql", import.meta.url), "utf8")).trim();
  const statements = text.replaceAll(/\{([a-z_]+)\}/gu, (all, name) => names.get(name) ?? all).split(/;\n/u);
  const whole = statements.pop() ?? "";
  const [head = "", tail = ""] = whole.split(cut);
  const sql = {
    whole,
    clean: `${head.trim().replace(/,$/u, "")} SELECT * FROM clean) TO ${clean} (FORMAT parquet, COMPRESSION zstd)`,
    join: `COPY (WITH clean AS (FROM read_parquet(${clean})), ${tail}`,
  };
  for (const macro of statements) await session.run(macro);
  await loadCountries(session);
  const points = `(FROM read_csv(${quoteText(input)}, types = {'latitude': 'DOUBLE', 'longitude': 'DOUBLE'}))`;
  await loadPlaces(session, createBorders(), { relation: points, latitude: "latitude", longitude: "longitude" });

  const count = async (rows: string): Promise<number> => {
    const [row] = await session.rows(`SELECT count(*)::DOUBLE AS n FROM (${rows})`);
    return typeof row === "object" && row !== null && "n" in row ? Number(row.n) : Number.NaN;
  };
  return {
    run: async (what) => {
      if (what !== "clean") await rm(gold, { recursive: true, force: true });
      return timed(async () => session.run(sql[what]));
    },
    checkRows: async () => {
      const ours = read(`[${made.gold.map(quoteText).join(", ")}]`);
      // By name: UNION BY NAME of nothing brings the columns into one order.
      const bare = `${ours} WHERE false UNION ALL BY NAME ${read(quoteText(join(gold, "**", "*.parquet")))}`;
      const missing = await count(`(${ours}) EXCEPT ALL (${bare})`);
      const added = await count(`(${bare}) EXCEPT ALL (${ours})`);
      if (missing + added > 0)
        throw new Error(`bare.sql does another job: ${missing} rows lack, ${added} are too many`);
      return count(ours);
    },
    [Symbol.dispose]: () => {
      session[Symbol.dispose]();
      duckdb[Symbol.dispose]();
    },
  };
}

function read(files: string): string {
  return `SELECT * FROM read_parquet(${files}, hive_partitioning = true, hive_types_autocast = false)`;
}
