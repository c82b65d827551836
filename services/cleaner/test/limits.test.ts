/** Limits that no format of the datasets here reaches by itself, at their edges. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { loadDataset } from "@airlake/shared/load-dataset";
import { expect, test } from "vitest";

import { judgeJsonLine } from "../src/check-json.ts";
import { defaultLimits } from "../src/limits.ts";
import { recogniseFormat } from "../src/recognise-format.ts";
import { createDocumentReader } from "../src/split-document.ts";
import { openaqFolder } from "./cleaning.ts";

test("takes a JSON document that is as large as it may be, and none that is larger", async () => {
  const folder = await mkdtemp(join(tmpdir(), "airlake-limits-"));
  const format = { kind: "json" as const, name: "api", paths: ["results"], records: "results", sql: "api.sql" };
  const document = Buffer.from('{"results":[{"value":1},{"value":2}]}');
  const readerOf = (documentBytes: number) =>
    createDocumentReader([format], folder, { ...defaultLimits, documentBytes });
  const [edge, beyond] = [readerOf(document.length), readerOf(document.length - 1)];

  const atEdge = edge.push(document.subarray(0, 9)) ?? edge.push(document.subarray(9));
  const tooLarge = beyond.push(document.subarray(0, 9)) ?? beyond.push(document.subarray(9));

  expect([atEdge, await edge.end()]).toMatchObject([undefined, { records: 2 }]);
  expect(tooLarge).toMatchObject({ reason: "record-too-large", detail: expect.stringContaining("one JSON document") });
  await rm(folder, { recursive: true });
});

test("takes a JSON line of two hundred levels, and quarantines one with more", () => {
  const nested = (levels: number): Buffer => Buffer.from(`{"a":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`);
  const judge = (line: Buffer): string => judgeJsonLine(line, 0, line.length);

  expect([judge(nested(200)), judge(nested(201))]).toEqual(["object", "no-object"]);
});

test("says that a first line is longer than what a format is known by", async () => {
  const { definition } = await loadDataset(openaqFolder);
  const header = "utc,local,parameter,value,location,attribution";
  const headBytes = header.length + 1;
  const limits = { ...defaultLimits, headBytes };
  const recognise = (text: string): unknown =>
    recogniseFormat(definition, { text: Buffer.from(text).subarray(0, headBytes), whole: false }, limits);

  expect(recognise(`${header}\n`)).toMatchObject({ kind: "csv" });
  expect(recognise(`city,${header}\n`)).toMatchObject({
    reason: "unrecognised-format",
    detail: expect.stringContaining("The first line is longer than 47 bytes."),
  });
});
