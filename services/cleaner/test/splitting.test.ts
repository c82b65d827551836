/** The splitter: what is a record, whatever the chunks; and that its books can fail. */
import { appendFile, readFile, truncate, writeFile } from "node:fs/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";

import { openDuckDb } from "@airlake/shared/duckdb";
import { loadDataset } from "@airlake/shared/load-dataset";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";

import { cleanRecords } from "../src/clean-records.ts";
import { judgeJsonLine, mendSurrogates } from "../src/check-json.ts";
import { defaultLimits } from "../src/limits.ts";
import { parseCsvRecord } from "../src/parse-csv-record.ts";
import { type Split, splitSource } from "../src/split-source.ts";
import { openaqFolder } from "./cleaning.ts";
import { oddSource } from "./odd-sources.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "airlake-split-"));
});
afterEach(async () => rm(folder, { recursive: true }));

const { definition } = await loadDataset(openaqFolder);
const header = "utc,local,parameter,value";

async function split(chunks: readonly Buffer[], limits = defaultLimits): Promise<Split> {
  const scratch = await mkdtemp(join(folder, "job-"));
  const sizeBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const outcome = await splitSource(definition, { body: Readable.from(chunks), sizeBytes, scratch, limits });
  if (outcome.kind === "rejected") throw new Error(`${outcome.reason}: ${outcome.detail}`);
  return outcome;
}

/** The text of the three normalised files. */
async function filesOf(done: Split): Promise<Record<string, string>> {
  if (done.kind === "json") return {};
  const { regular, irregular, malformed } = done.files;
  const texts = await Promise.all(
    [regular, irregular, malformed].map(async ({ path, records }) => (records === 0 ? "" : readFile(path, "utf8"))),
  );
  return { regular: texts[0] ?? "", irregular: texts[1] ?? "", malformed: texts[2] ?? "" };
}

/**
 * The receiver holds the first 4 KiB together, and the head until the format is known: only behind them do chunks meet the
 * splitter as they are. So lines of no meaning are put behind the first one, and the head is kept small.
 */
const padding = "~\n".repeat(2100);
const smallHead = { ...defaultLimits, headBytes: 1024 };
function padded(text: string): Buffer {
  const firstLine = /^.*?(\r\n|\r|\n|$)/s.exec(text)?.[0] ?? "";
  return Buffer.from(firstLine + padding + text.slice(firstLine.length));
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const first = Math.min(padding.length, bytes.length);
  const inside = places.map((place) => first + (place % (bytes.length - first + 1)));
  const edges = [0, ...inside, bytes.length].toSorted((a, b) => a - b);
  return edges.slice(1).map((end, at) => bytes.subarray(edges[at], end));
}

test("numbers the records and copies the regular ones as they stand", async () => {
  const done = await split([Buffer.from(`${header}\n1,2,"a ""b""",4\r\n\r\n5,,é,8\r9,9,9,9`)]);

  expect(await filesOf(done)).toEqual({
    regular: '1,1,2,"a ""b""",4\n2,5,,é,8\n3,9,9,9,9\n',
    irregular: "",
    malformed: "",
  });
  expect(done.records).toBe(3);
});

test.each([
  ["a line end inside quotes", '1,"a\nb",3,4', '1,"1","a\nb","3","4"\n'],
  ["a lone CR inside quotes", '1,"a\rb",3,4', '1,"1","a\rb","3","4"\n'],
  ["a quote inside an unquoted field", '1,a"b,3,4', '1,"1","a""b","3","4"\n'],
  ["a quote behind a blank", '1, "a",3,4', '1,"1"," ""a""","3","4"\n'],
  ["text behind a closing quote", '1,"a"b,3,4', '1,"1","ab","3","4"\n'],
  ["a quote that is never closed", '1,2,3,"a\n', '1,"1","2","3","a\n"\n'],
])("writes anew what strict readers would not take: %s", async (_what, record, written) => {
  const done = await split([Buffer.from(`${header}\n${record}`)]);

  expect(await filesOf(done)).toEqual({ regular: "", irregular: written, malformed: "" });
});

test("sets aside what cannot be split, as it stands", async () => {
  const done = await split([Buffer.from(`${header}\n1,2,3\n \n1,2,3,4,5\n"1,2\n3",4\n`)]);

  const malformed = '1,"1,2,3"\n2," "\n3,"1,2,3,4,5"\n4,"""1,2\n3"",4"\n';
  expect(await filesOf(done)).toEqual({ regular: "", irregular: "", malformed });
});

test("sets aside JSON lines that are no objects, and mends halves of surrogate pairs", async () => {
  const good = '{"date":{"utc":"x"}}';
  const done = await split([Buffer.from(`${good}\n\n[1]\r\n {"a":"\\ud83d"} \r{"a":1,}\n\u00a0 \t\n{"a":1`)]);

  expect(await filesOf(done)).toEqual({
    regular: `1\u0001${good}\n`,
    irregular: '3\u0001 {"a":"\\ufffd"} \n',
    malformed: '2,"[1]"\n4,"{""a"":1,}"\n5,"{""a"":1"\n',
  });
});

test("writes records above a mebibyte apart, so that the others are read with small buffers", async () => {
  const long = "x".repeat(1024 * 1024);
  const done = await split([Buffer.from(`${header}\n1,2,3,${long}\n1,2,3,4\n`)]);

  expect(done.kind === "csv" && done.files.irregular.records).toBe(1);
  expect(done.kind === "csv" && done.files.regular.longestLineBytes).toBe("2,1,2,3,4\n".length);
});

test(
  "splits any text alike, however it is cut into chunks and whether it is zipped",
  { timeout: 120_000 },
  async () => {
    const places = fc.array(fc.nat(), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(oddSource, places, fc.boolean(), async ({ text }, cuts, isZipped) => {
        const plain = padded(text);
        const bytes = isZipped ? gzipSync(plain) : plain;

        const whole = await split([plain], smallHead).catch(String);
        const pieces = await split(cut(bytes, cuts), smallHead).catch(String);

        if (typeof whole === "string" || typeof pieces === "string") {
          expect(pieces).toEqual(whole);
        } else {
          expect(pieces.records).toBe(whole.records);
          expect(await filesOf(pieces)).toEqual(await filesOf(whole));
        }
      }),
      { numRuns: 150 },
    );
  },
);

test("splits byte by byte as at once", async () => {
  const bytes = padded(`\ufeff${header}\r\n"a\r\n""é""",😀,3,4\r\n\r\n5,6,7,8\r9,9,9,"9"\n`);

  const whole = await filesOf(await split([bytes], smallHead));

  expect(whole["regular"]).toMatch(/5,6,7,8\n.*9,9,9,"9"\n$/);
  expect(
    await filesOf(
      await split(
        Array.from(bytes, (byte) => Buffer.from([byte])),
        smallHead,
      ),
    ),
  ).toEqual(whole);
});

test("takes a record of many chunks in time that grows with its length alone", { timeout: 20_000 }, async () => {
  const field = "x".repeat(15 * 1024 * 1024);
  const bytes = Buffer.from(`${header}\n1,2,3,"${field}"\n`);
  const chunks = Array.from({ length: Math.ceil(bytes.length / 1024) }, (_, at) =>
    bytes.subarray(at * 1024, (at + 1) * 1024),
  );

  expect((await split(chunks)).records).toBe(1);
});

describe("books that do not close", () => {
  const rows = Array.from({ length: 50 }, (_, at) => `2018-02-06T10:00:00Z,,o3,${at}`);
  const source = Buffer.from(`${[header, ...rows].join("\n")}\n`);

  it.each([
    [
      "loses its last record",
      async (path: string) => truncate(path, (await readFile(path)).length - "50,2018-02-06T10:00:00Z,,o3,49\n".length),
    ],
    ["has a record twice", async (path: string) => appendFile(path, "50,2018-02-06T10:00:00Z,,o3,50\n")],
    ["has lost a line end", async (path: string) => writeFile(path, (await readFile(path, "utf8")).replace("\n", " "))],
  ])("fail loudly where the normalised file %s", async (_what, damage) => {
    const done = await split([source]);
    using duckdb = await openDuckDb({ threads: 2, memoryLimitMb: 256, scratch: folder });
    using session = await duckdb.connect(new AbortController().signal);
    const dataset = await loadDataset(openaqFolder);
    const referenceTime = new Date("2019-01-01");
    const job = { split: done, sourceId: "s", rulePack: 1, referenceTime, scratch: folder, isFiled: false };

    await damage(done.kind === "csv" ? done.files.regular.path : "");

    await expect(cleanRecords(session, dataset, [job])).rejects.toThrow(
      /books do not close: 50 records read|CSV Error/,
    );
  });
});

test("parses CSV fields as Python's csv.reader does", () => {
  expect(parseCsvRecord('a,"b""c",,"d"e"f",g"h"', ",")).toEqual(["a", 'b"c', "", 'de"f"', 'g"h"']);
  expect(parseCsvRecord("", ",")).toEqual([""]);
  expect(parseCsvRecord('"open,', ",")).toEqual(["open,"]);
});

test("takes as a JSON object what JSON.parse takes, and NaN and the infinities", () => {
  const isObject = (text: string): boolean => {
    const bytes = Buffer.from(text);
    return judgeJsonLine(bytes, 0, bytes.length) !== "no-object";
  };
  const parses = (text: string): boolean => {
    try {
      const value: unknown = JSON.parse(text);
      return typeof value === "object" && value !== null && !Array.isArray(value);
    } catch {
      return false;
    }
  };
  const json = fc.json({ maxDepth: 4 }).map((text) => `{"a":${text}}`);
  const damaged = fc.tuple(json, fc.nat(), fc.string({ maxLength: 2 })).map(([text, at, extra]) => {
    const place = at % (text.length + 1);
    return text.slice(0, place) + extra.replace(/[\r\n]/g, "") + text.slice(place + 1);
  });

  fc.assert(
    fc.property(fc.oneof(json, damaged), (text) => isObject(text) === parses(text)),
    { numRuns: 2000 },
  );
  expect(['{"a":NaN}', '{"a":-Infinity}', '{"a":[Infinity]}'].map(isObject)).toEqual([true, true, true]);
  expect(['{"a":nan}', '{"a":-NaN}', '{"a":+1}'].map(isObject)).toEqual([false, false, false]);
  expect(isObject(`{"a":${"[".repeat(300)}${"]".repeat(300)}}`)).toBe(false);
});

test("leaves whole pairs and escaped backslashes alone when it mends", () => {
  expect(mendSurrogates('"\\ud83d\\ude00 \\ude00 \\\\ud83d \\ud83d\\n"')).toBe(
    '"\\ud83d\\ude00 \\ufffd \\\\ud83d \\ufffd\\n"',
  );
});
