import { systemClock } from "@airlake/shared/clock";
import type { DatasetDefinition } from "@airlake/shared/contracts/dataset";

import { writeJson } from "../../src/query/format-json.ts";
import { type Query, openQuery } from "../../src/query/open-query.ts";
import type { QueryResult } from "../../src/query/run-statement.ts";

export async function openFor(lake: string, ...datasets: readonly DatasetDefinition[]): Promise<Query> {
  return openQuery({ lake, datasets, clock: systemClock, limits: { threads: 2, memoryLimitMb: 512 } });
}

/** Runs a statement and gives its rows as JSON has them. */
export async function rowsOf(query: Query, sql: string): Promise<Record<string, unknown>[]> {
  return jsonRows(await query.run(sql, new AbortController().signal));
}

/** What `writeJson` writes, parsed again. */
export async function jsonRows(result: QueryResult): Promise<Record<string, unknown>[]> {
  return JSON.parse(await written(result, writeJson)) as Record<string, unknown>[];
}

export async function written(
  result: QueryResult,
  writer: (result: QueryResult, write: (text: string) => Promise<void>) => Promise<void>,
): Promise<string> {
  let text = "";
  await writer(result, async (piece) => {
    text += piece;
  });
  return text;
}
