/** The recorded files, against what a separate implementation of the same rules says of each. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { fixturesFolder } from "@airlake/shared/testing/fixtures";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

import { type Cleaning, cleaned, openCleaning } from "./cleaning.ts";

const counts = z.record(z.string(), z.number());
const expectation = z.object({
  format: z.string(),
  read: z.number(),
  kept: z.number(),
  quarantined: z.number(),
  reasons: counts,
  flags: counts,
  reference_time: z.string().nullable(),
  partitions: counts,
});

const folder = fixturesFolder();
const expected = folder === undefined ? {} : readExpectations(folder);

describe.skipIf(folder === undefined)("every recorded CSV and NDJSON file", () => {
  let cleaning: Cleaning;
  beforeAll(async () => {
    cleaning = await openCleaning();
  });
  afterAll(async () => cleaning[Symbol.asyncDispose]());

  it.each(Object.entries(expected))(
    "%s yields the expected counts and partitions",
    { timeout: 120_000 },
    async (name, truth) => {
      const result = cleaned(await cleaning.file(join(folder ?? "", name)));

      expect(result.format).toBe(truth.format);
      expect(result.counts).toEqual({
        read: truth.read,
        kept: truth.kept,
        quarantined: truth.quarantined,
        reasons: truth.reasons,
        flags: truth.flags,
      });
      expect(await partitionsOf(cleaning, result.clean)).toEqual(truth.partitions);
      if (truth.reference_time !== null) expect(result.referenceTime).toEqual(new Date(truth.reference_time));
    },
  );
});

function readExpectations(from: string): Readonly<Record<string, z.infer<typeof expectation>>> {
  const json: unknown = JSON.parse(readFileSync(join(from, "EXPECTED-RULES.json"), "utf8"));
  return z.record(z.string(), expectation).parse(json);
}

/** Rows by the delivered country, year and month of the local date. */
async function partitionsOf(
  cleaning: Cleaning,
  part: { readonly file: string } | undefined,
): Promise<Record<string, number>> {
  if (part === undefined) return {};
  const rows = await cleaning.query(
    `SELECT
       concat_ws('/',
         CASE WHEN list_has_any(flags, ['country-missing', 'country-unknown']) THEN 'ZZ' ELSE country_code END,
         year(local_date), lpad(month(local_date)::VARCHAR, 2, '0')) AS name,
       count(*)::DOUBLE AS count
     FROM read_parquet($part) GROUP BY name`,
    part,
  );
  const parsed = z.array(z.object({ name: z.string(), count: z.number() })).parse(rows);
  return Object.fromEntries(parsed.map(({ name, count }) => [name, count]));
}
