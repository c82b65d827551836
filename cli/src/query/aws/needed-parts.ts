/**
 * Which parts a statement can read, asked of DuckDB itself: EXPLAIN says how many of a list of files a scan is left with once its
 * filters on partition columns are applied. It does not say which; so the list is halved until each half is all or nothing. No
 * file is opened for that: they may be empty.
 *
 * What comes out need not be trusted: a part that was not brought in is an empty file, and to read it is an error.
 */
import { quoteName } from "@airlake/shared/duckdb";
import type { DuckDBConnection } from "@duckdb/node-api";
import { z } from "zod";

import { goldReader } from "../parts-view.ts";

/** The parts of one view, in a variable of the database. */
export interface PartList {
  readonly kind: "gold" | "quarantine";
  readonly variable: string;
  readonly paths: readonly string[];
}

/** How many files a scan is left with. */
interface Scan {
  readonly isGold: boolean;
  readonly left: number | "all";
}

interface Asking {
  readonly connection: DuckDBConnection;
  /** EXPLAIN of the statement. */
  readonly explain: string;
}

/** Paths that the statement can read; more than that where it cannot be told. `select` is a checked SELECT, without EXPLAIN. */
export async function neededParts(
  connection: DuckDBConnection,
  select: string,
  lists: readonly PartList[],
): Promise<ReadonlySet<string>> {
  const asking = { connection, explain: `EXPLAIN (FORMAT json) ${select}` };
  const scans = await scansOf(asking);
  const filled = lists.filter(({ paths }) => paths.length > 0);
  const quarantine = scans.some(({ isGold }) => !isGold) ? filled.filter(({ kind }) => kind === "quarantine") : [];
  const gold = scans.some(({ isGold }) => isGold)
    ? await usedLists(
        asking,
        filled.filter(({ kind }) => kind === "gold"),
      )
    : [];
  const [only] = gold;
  const ofGold =
    gold.length === 1 && only !== undefined
      ? await chosen(asking, only, scans)
      : gold.flatMap(({ paths }) => [...paths]);
  return new Set([...ofGold, ...quarantine.flatMap(({ paths }) => [...paths])]);
}

/** Of several tables, those that the statement names: DuckDB misses a file only where it looks for it. */
async function usedLists(asking: Asking, lists: readonly PartList[]): Promise<readonly PartList[]> {
  if (lists.length < 2) return lists;
  const used: PartList[] = [];
  for (const list of lists) {
    const [first = ""] = list.paths;
    const isUsed = await withPaths(asking, list, [`${first}.none`], async () =>
      scansOf(asking).then(
        () => false,
        () => true,
      ),
    );
    if (isUsed) used.push(list);
  }
  return used;
}

/** Of one table, the paths that any of its scans is left with. */
async function chosen(asking: Asking, list: PartList, all: readonly Scan[]): Promise<readonly string[]> {
  const scans = all.filter(({ isGold }) => isGold);
  // Neighbours share their partitions: in this order most halves are all or nothing.
  const paths = list.paths.toSorted();
  const found: string[] = [];
  let seen = 0;
  const rest: (readonly string[])[] = [paths];
  for (let some = rest.pop(); some !== undefined; some = rest.pop()) {
    const size = some.length;
    const left = (await leftOf(asking, list, some)).map((count) => (count === "all" ? size : count));
    // Of another shape than the whole: nothing can be told from it.
    if (left.length !== scans.length) return paths;
    const most = Math.max(...left);
    if (most > 0 && most < size) rest.push(some.slice(size >> 1), some.slice(0, size >> 1));
    else {
      seen += left.reduce((sum, count) => sum + count, 0);
      if (most === size) found.push(...some);
    }
  }
  const wanted = scans.reduce((sum, { left }) => sum + (left === "all" ? paths.length : left), 0);
  return seen === wanted ? found : paths;
}

async function leftOf(asking: Asking, list: PartList, paths: readonly string[]): Promise<readonly (number | "all")[]> {
  const scans = await withPaths(asking, list, paths, async () => scansOf(asking));
  return scans.filter(({ isGold }) => isGold).map(({ left }) => left);
}

/** The view has these paths while `work` runs, and its own again afterwards. */
async function withPaths<T>(
  { connection }: Asking,
  list: PartList,
  paths: readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  const set = async (value: readonly string[]): Promise<void> => {
    const statement = `SET VARIABLE ${quoteName(list.variable)} = from_json($1::VARCHAR, '["VARCHAR"]')`;
    await connection.run(statement, [JSON.stringify(value)]);
  };
  await set(paths);
  try {
    return await work();
  } finally {
    await set(list.paths);
  }
}

const nodeSchema = z.object({
  name: z.string(),
  children: z.array(z.unknown()).default([]),
  extra_info: z.record(z.string(), z.unknown()).default({}),
});

async function scansOf({ connection, explain }: Asking): Promise<readonly Scan[]> {
  const reader = await connection.runAndReadAll(explain);
  const scans: Scan[] = [];
  const rest: unknown[] = z.array(z.unknown()).parse(JSON.parse(String(reader.getRows()[0]?.[1])));
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const node = nodeSchema.parse(next);
    rest.push(...node.children);
    const name = node.name.trim().toLowerCase();
    if (name === goldReader || name === "read_parquet") scans.push({ isGold: name === goldReader, left: leftIn(node) });
  }
  return scans;
}

/** `3/55` files, or all of them where no filter is on a partition. */
function leftIn({ extra_info: facts }: z.infer<typeof nodeSchema>): number | "all" {
  const text = facts["Scanning Files"];
  if (typeof text !== "string") return "all";
  const found = /^(\d+)\/\d+$/.exec(text);
  return found === null ? "all" : Number(found[1]);
}
