/** What the openaq dataset makes of single records: literal tables, no second implementation. */
import { cleanColumns, quarantineColumns } from "@airlake/shared/contracts/dataset";
import { duckDbType } from "@airlake/shared/contracts/column-types";
import { loadDataset } from "@airlake/shared/load-dataset";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { z } from "zod";

import { allLarge, type Cleaning, cleaned, openaqFolder, openCleaning } from "./cleaning.ts";

let cleaning: Cleaning;
beforeAll(async () => {
  cleaning = await openCleaning();
});
afterAll(async () => cleaning[Symbol.asyncDispose]());

const names = [
  "location",
  "city",
  "country",
  "utc",
  "local",
  "parameter",
  "value",
  "unit",
  "latitude",
  "longitude",
] as const;
const good = ["L", "C", "BE", "2018-02-06T10:00:00Z", "2018-02-06T11:00:00+01:00", "o3", "1", "ppm", "50.8", "4.3"];

/** A legacy CSV of one record: the good one, but for these fields. */
function oneRecord(fields: Partial<Record<(typeof names)[number], string>>): string {
  const values = names.map((name, at) => fields[name] ?? good[at] ?? "");
  return `${names.join(",")}\n${values.map((value) => `"${value}"`).join(",")}\n`;
}

const verdict = z.looseObject({ reasons: z.array(z.string()).default([]), flags: z.array(z.string()).default([]) });
type Verdict = z.infer<typeof verdict>;

/** Its row of the clean part or of the quarantine part. */
async function rowOf(text: string, key = "openaq/source"): Promise<Verdict> {
  const { clean, quarantine } = cleaned(await cleaning.bytes(text, { key }));
  const [row] = await cleaning.query("SELECT * FROM read_parquet($part)", clean ?? quarantine);
  return verdict.parse(row);
}

test.each([
  ["missing-parameter", { parameter: " " }],
  ["bad-timestamp", { utc: "" }],
  ["bad-timestamp", { utc: "2018-02-06T10:00:00" }],
  ["bad-timestamp", { utc: "2018-02-30T10:00:00Z" }],
  ["bad-timestamp", { utc: "2018-02-06T24:00:00Z" }],
  ["bad-timestamp", { utc: "2018-02-06T23:59:60Z" }],
  ["bad-timestamp", { utc: "0000-02-06T10:00:00Z" }],
  ["bad-timestamp", { utc: "2018-02-06T10:00:00+24:00" }],
  ["bad-timestamp", { utc: "2018-02-06" }],
  ["bad-timestamp", { utc: "1517911200" }],
  ["bad-timestamp", { utc: "2018-2-6T10:00:00Z" }],
  ["bad-timestamp", { utc: "infinity" }],
  ["bad-value", { value: "" }],
  ["bad-value", { value: "nan" }],
  ["bad-value", { value: "Infinity" }],
  ["bad-value", { value: "1_000" }],
  ["bad-value", { value: "+-5" }],
  ["bad-value", { value: "1,5" }],
  ["bad-value", { value: "1e999" }],
  ["bad-value", { value: "0x1F" }],
  ["sentinel-value,negative-value", { value: "-999" }],
  ["sentinel-value,negative-value", { value: "-99.90" }],
  ["sentinel-value,negative-value", { value: "-100" }],
  ["sentinel-value,negative-value", { value: "-0.999", unit: "ppm" }],
  ["sentinel-value", { value: "-0.9999", unit: "ppb" }],
  ["negative-value", { value: "-0.051", unit: "ppm" }],
  ["negative-value", { value: "-5.01", unit: "µg/m³" }],
  ["missing-parameter,bad-timestamp,bad-value", { parameter: "", utc: "x", value: "x" }],
])("quarantines for %s the record with %o", async (reasons, fields) => {
  const row = await rowOf(oneRecord(fields));

  expect(row.reasons.join(",")).toBe(reasons);
  expect(row["reason"]).toBe(reasons.split(",")[0]);
});

test.each([
  ["", {}],
  ["", { value: "0" }],
  ["", { value: "+.5e-3 " }],
  ["negative-noise", { value: "-0.999", unit: "µg/m³" }],
  ["negative-noise", { value: "-0.05" }],
  ["negative-noise", { value: "-5", unit: "ppb" }],
  ["coordinates-missing", { latitude: "" }],
  ["coordinates-missing", { longitude: "n/a" }],
  ["coordinates-out-of-range", { latitude: "90.1" }],
  ["coordinates-out-of-range", { longitude: "-180.5" }],
  ["coordinates-near-zero", { latitude: "0", longitude: "0.99" }],
  ["", { latitude: "0", longitude: "1" }],
  ["country-missing", { country: " " }],
  ["country-unknown", { country: "UK" }],
  ["country-unknown", { country: "Finland" }],
  ["", { country: "xk" }],
  ["", { country: "NA" }],
  ["local-utc-mismatch", { local: "2018-02-06T11:00:00Z" }],
  ["", { local: "" }],
  ["", { local: "nonsense" }],
])("keeps with flags '%s' the record with %o", async (flags, fields) => {
  const row = await rowOf(oneRecord(fields));

  expect(row["reason"]).toBeUndefined();
  expect(row.flags.join(",")).toBe(flags);
});

test.each([
  [{ utc: "2018-02-06 10:00Z" }, "2018-02-06T10:00:00.000Z"],
  [{ utc: "\u00a02018-02-06T10:00:00.1239999999+0530\t" }, "2018-02-06T04:30:00.123Z"],
  [{ utc: "2018-02-06T10:00:00-00:00" }, "2018-02-06T10:00:00.000Z"],
  [{ utc: "2018-02-06T00:30:00+23:59" }, "2018-02-05T00:31:00.000Z"],
  [{ utc: "2020-02-29T00:00:00+05:99" }, "2020-02-28T17:21:00.000Z"],
])("reads the instant of %o", async (fields, instant) => {
  expect((await rowOf(oneRecord(fields)))["utc"]).toEqual(new Date(instant));
});

test("keeps the local time, its offset and its day", async () => {
  const row = await rowOf(oneRecord({ utc: "2018-02-06T22:34:22.500Z", local: "2018-02-07T04:19:22.500+05:45" }));

  expect(row).toMatchObject({
    local_time: new Date("2018-02-07T04:19:22.500Z"),
    utc_offset_minutes: 345,
    local_date: new Date("2018-02-07"),
  });
  expect(await rowOf(oneRecord({ local: "" }))).toMatchObject({
    local_time: null,
    utc_offset_minutes: null,
    local_date: new Date("2018-02-06"),
  });
});

test.each([
  ["1517911200.ndjson", "2018-02-06T11:00:00Z", "2018-02-06T11:00:01Z"],
  ["2018-02-06.csv.gz", "2018-02-08T01:00:00Z", "2018-02-08T01:00:01Z"],
])("takes the key %s to tell what is from the future", async (name, latest, tooLate) => {
  const key = `openaq/1999999999/${name}`;

  expect((await rowOf(oneRecord({ utc: latest }), key)).reasons).toEqual([]);
  expect((await rowOf(oneRecord({ utc: tooLate }), key)).reasons).toEqual(["future-timestamp"]);
});

test("takes the time of the object where the key does not tell", async () => {
  const lastModified = new Date("2018-02-06T08:59:59Z");

  const outcome = cleaned(await cleaning.bytes(oneRecord({}), { lastModified, key: "openaq/2018-02-30.csv" }));

  expect(outcome).toMatchObject({ referenceTime: lastModified, referenceTimeFrom: "last-modified" });
  expect(outcome.counts.reasons).toEqual({ "future-timestamp": 1 });
});

describe("duplicates", () => {
  const line = good.join(",");
  const table = (...lines: readonly string[]): string => [names.join(","), ...lines].join("\n");

  it.each([
    ["memory", undefined],
    ["a file", allLarge],
  ])("quarantines the later ones of equal records, whatever differs outside the key, in %s", async (_where, sizes) => {
    await using own = await openCleaning(openaqFolder, sizes);
    const other = line.replace("11:00:00+01:00", "12:00:00+02:00");
    const missing = line.replace("50.8", "");

    const { counts, quarantine } = cleaned(await own.bytes(table(line, missing, other, line, missing, line)));

    expect(counts).toEqual({
      read: 6,
      kept: 2,
      quarantined: 4,
      reasons: { "duplicate-record": 4 },
      flags: { "coordinates-missing": 1 },
    });
    const rows = await own.query("SELECT source_record::INT AS n, reasons FROM read_parquet($part)", quarantine);
    expect(rows).toEqual([3, 4, 5, 6].map((n) => ({ n, reasons: ["duplicate-record"] })));
  });

  it("compares what the text means, with the city", async () => {
    const same = line
      .replace("BE", "be")
      .replace("10:00:00Z", "11:00:00+01:00")
      .replace(",1,", ",1.00,")
      .replace("o3", "Ozone");
    const elsewhere = line.replace(",C,", ",D,");

    expect(cleaned(await cleaning.bytes(table(line, same, elsewhere))).counts.reasons).toEqual({
      "duplicate-record": 1,
    });
  });

  it("counts only kept records as earlier ones", async () => {
    const sentinel = line.replace(",1,", ",-999,");

    expect(cleaned(await cleaning.bytes(table(sentinel, sentinel, line))).counts.reasons).toEqual({
      "sentinel-value": 2,
    });
  });
});

test("gives back what was delivered of a quarantined record, field by field", async () => {
  const text = `${names.join(",")},unit,extra\n" a ""b"" ",,BE,bad,,o3,x,ppm,"1\n2",é\0\u00a0,again,\n`;

  const { quarantine } = cleaned(await cleaning.bytes(text));

  const [row] = z
    .array(z.object({ original: z.string() }))
    .parse(await cleaning.query("FROM read_parquet($part)", quarantine));
  expect(JSON.parse(row?.original ?? "")).toEqual({
    location: ' a "b" ',
    city: "",
    country: "BE",
    utc: "bad",
    local: "",
    parameter: "o3",
    value: "x",
    unit: "ppm",
    latitude: "1\n2",
    longitude: "é\0\u00a0",
    "unit (11)": "again",
    extra: "",
  });
});

test("gives back the raw text of what could not be split, and of a JSON line", async () => {
  const csv = `${names.join(",")}\n1,"a\r\nb"\n`;
  const line = '{ "date": {"utc": "2018-02-06T10:00:00Z"},  "value": 1e0 }';

  const malformed = cleaned(await cleaning.bytes(csv)).quarantine;
  const lines = cleaned(await cleaning.bytes(`${line}\nnot JSON`)).quarantine;

  const sql = "SELECT source_record::INT AS n, reason, original FROM read_parquet($part)";
  expect(await cleaning.query(sql, malformed)).toEqual([{ n: 1, reason: "malformed-record", original: '1,"a\r\nb"' }]);
  expect(await cleaning.query(sql, lines)).toEqual([
    { n: 1, reason: "missing-parameter", original: line },
    { n: 2, reason: "malformed-record", original: "not JSON" },
  ]);
});

test("cleans sources that come together as it cleans them alone", async () => {
  const line = good.join(",");
  const bad = line.replace(",1,", ",x,");
  const odd = line.replace("L,", '"L\n",');
  const head = names.join(",");
  const sources = [
    [head, line, bad, line, "too,few"],
    [head, line, odd, line],
    [head],
    [`${head},more`, `${line},x`, `${bad},y`],
    [head, line, line.replace("BE", ""), "a", bad],
    ['{"date":{"utc":"2018-02-06T10:00:00Z"}}', "[]"],
    ["not a table"],
    [head, line.replace("2018-02-06T10", "2018-02-09T10")],
  ].map((lines, at) => ({
    text: lines.join("\n"),
    sourceId: String(at).repeat(32),
    key: `openaq/${at}/2018-02-06.csv`,
  }));
  const clean = async ({ text, ...job }: (typeof sources)[number]): Promise<unknown> => {
    const outcome = await cleaning.bytes(text, job);
    if (outcome.kind === "rejected") return outcome;
    const rowsOf = async (part: { readonly file: string } | undefined): Promise<unknown> =>
      part && cleaning.query("FROM read_parquet($part)", part);
    return { counts: outcome.counts, clean: await rowsOf(outcome.clean), quarantine: await rowsOf(outcome.quarantine) };
  };

  const together = await Promise.all(sources.map(clean));
  const alone = [];
  for (const source of sources) alone.push(await clean(source));

  expect(together).toEqual(alone);
  expect(alone.map((one) => z.object({ counts: z.unknown().optional() }).parse(one).counts)).toMatchObject([
    { read: 4, kept: 1, reasons: { "bad-value": 1, "duplicate-record": 1, "malformed-record": 1 } },
    { read: 3, kept: 1, reasons: { "duplicate-record": 2 } },
    { read: 0, kept: 0 },
    { read: 2, kept: 1, reasons: { "bad-value": 1 } },
    { read: 4, kept: 2, reasons: { "bad-value": 1, "malformed-record": 1 }, flags: { "country-missing": 1 } },
    { read: 2, kept: 0, reasons: { "missing-parameter": 1, "malformed-record": 1 } },
    undefined,
    { read: 1, kept: 0, reasons: { "future-timestamp": 1 } },
  ]);
});

test.each([
  ["few", [1, 16, 17, 1000, 1001, 19_999, 20_000]],
  ["many", Array.from({ length: 9000 }, (_, at) => 2 * at + 2)],
])("gives back the right text where %s records of many are quarantined", async (_what, bad) => {
  const wanted = new Set(bad);
  const lines = Array.from({ length: 20_000 }, (_, at) => {
    const value = wanted.has(at + 1) ? "bad" : String(at);
    const location = at % 11 === 0 ? "" : `place ${"x".repeat(at % 200)}`;
    return `${location},C${at + 1},BE,2018-02-06T10:00:00Z,,o3,${value},ppm,50,4${at === 500 ? ",too much" : ""}`;
  });

  const { quarantine } = cleaned(await cleaning.bytes([names.join(","), ...lines].join("\n")));

  const rows = z
    .array(z.object({ n: z.number(), original: z.string() }))
    .parse(await cleaning.query("SELECT source_record::INT AS n, original FROM read_parquet($part)", quarantine));
  expect(rows.map(({ n }) => n)).toEqual([...new Set([...bad, 501])].toSorted((a, b) => a - b));
  for (const { n, original } of rows) {
    if (n === 501) expect(original).toBe(lines[500]);
    else expect(JSON.parse(original)).toMatchObject({ city: `C${n}`, value: "bad" });
  }
});

test("writes the parts with the declared columns, types and lineage; what is quarantined in the order of the source", async () => {
  const lines = Array.from({ length: 3000 }, (_, at) => {
    const location = at % 7 === 0 ? '"line\nbreak"' : "L";
    return `${location},C,BE,2018-02-06T10:00:00Z,,o3,${at % 5 === 0 ? "x" : at},ppm,50,4`;
  });
  const { definition } = await loadDataset(openaqFolder);

  const { clean, quarantine } = cleaned(await cleaning.bytes([names.join(","), ...lines].join("\n")));

  for (const [part, columns] of [
    [clean, cleanColumns(definition)],
    [quarantine, quarantineColumns],
  ] as const) {
    const described = await cleaning.query(
      "SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet($part))",
      part,
    );
    expect(described).toEqual(columns.map(({ name, type }) => ({ column_name: name, column_type: duckDbType(type) })));
    const numbers = z
      .array(z.object({ n: z.number(), source_id: z.string(), format: z.string() }))
      .parse(await cleaning.query("SELECT source_record::INT AS n, source_id, format FROM read_parquet($part)", part));
    if (part === quarantine)
      expect(numbers.map(({ n }) => n)).toEqual(numbers.map(({ n }) => n).toSorted((a, b) => a - b));
    expect(numbers[0]).toMatchObject({ source_id: "0123456789abcdef0123456789abcdef", format: "openaq-legacy-csv" });
  }
});

test("makes no part of no rows", async () => {
  const none = cleaned(await cleaning.bytes(names.join(",")));
  const bad = cleaned(await cleaning.bytes(oneRecord({ value: "" })));
  const fine = cleaned(await cleaning.bytes(oneRecord({})));

  expect([none.clean, none.quarantine, bad.clean, fine.quarantine]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  expect([bad.quarantine?.rows, fine.clean?.rows]).toEqual([1, 1]);
});
