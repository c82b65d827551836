/** Quarantined records counted by what a person asks for: by reason, source, country or parameter, or by several of them. */
import { z } from "zod";

import type { QuarantineParts } from "./quarantine-parts.ts";

/** As delivered: a record is in quarantine because it could not be trusted, so nothing of it is read as more than text. */
const delivered = (names: readonly string[]): string =>
  `upper(trim(coalesce(${names.map((name) => `fields ->> '$."${name}"'`).join(", ")}, '')))`;

/** What records are grouped by, and how it is found in one. */
const dimensions = {
  reason: "reason",
  source: "key",
  country: delivered(["country", "country_iso", "Country Code", "country_code"]),
  parameter: `lower(${delivered(["parameter", "Pollutant"])})`,
} as const;

export type Dimension = keyof typeof dimensions;

/** The dimension of this name; undefined where there is none. */
export function dimensionNamed(name: string): Dimension | undefined {
  return name in dimensions ? dimensionNames.find((one) => one === name) : undefined;
}

export const dimensionNames: readonly Dimension[] = ["reason", "source", "country", "parameter"];

export interface RecordGroup {
  /** In the order of the dimensions; "" where the record has none. */
  readonly values: readonly string[];
  readonly records: number;
  readonly sources: number;
}

const groupRow = z.object({ of: z.array(z.string()), records: z.bigint(), sources: z.bigint() });

/** The groups with the most records first. */
export async function groupRecords(
  { session }: QuarantineParts,
  by: readonly Dimension[],
): Promise<readonly RecordGroup[]> {
  const expressions = by.map((name) => `${dimensions[name]}::VARCHAR`);
  const rows = await session.rows(
    `SELECT [${expressions.join(", ")}] AS "of", count(*) AS records, count(DISTINCT key) AS sources
     FROM (SELECT *, CASE WHEN json_valid(original) THEN original::JSON END AS fields FROM records)
     GROUP BY 1 ORDER BY records DESC, 1`,
  );
  return rows.map((row) => {
    const { of: values, records, sources } = groupRow.parse(row);
    return { values, records: Number(records), sources: Number(sources) };
  });
}
