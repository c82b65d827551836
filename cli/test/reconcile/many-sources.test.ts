// AIRLAKE_MANY_SOURCES=200000 vitest run test/reconcile/many-sources.test.ts gives the figures in docs/reliability.md.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { systemClock } from "@airlake/shared/clock";
import { type StageName, manifestKey, sourceIdOf } from "@airlake/shared/contracts/keys";
import type { Manifest, Part } from "@airlake/shared/contracts/manifest";
import { topologyOf } from "@airlake/shared/contracts/topology";
import { catalogFileOf, changeCatalogFile } from "@airlake/shared/embedded/catalog-file";
import { DuckDBInstance } from "@duckdb/node-api";
import { expect, test } from "vitest";

import { knownDatasets } from "../../src/datasets.ts";
import type { OpenedLake } from "../../src/opened-lake.ts";
import { lookThrough } from "../../src/reconcile/look-through.ts";
import { openScratch } from "../../src/reconcile/scratch.ts";
import { tempFolder } from "../temp-folder.ts";

const many = Number(process.env["AIRLAKE_MANY_SOURCES"] ?? 3000);
/** One in so many has lost its gold part. */
const damagedEach = 1000;
const partitions = 500;
const pageSize = 1000;

const keyOf = (at: number): string => `openaq/many/${String(at).padStart(7, "0")}.csv`;
const modified = new Date("2026-01-01T00:00:00Z");
const manifestBase = {
  contract: "manifest/1",
  dataset: "openaq",
  generation: 1,
  attempt: "00ff",
  state: "current",
  stale: false,
  fingerprint: "all the same",
  rulePack: 1,
  format: "openaq-legacy-csv",
  referenceTime: modified.toISOString(),
  counts: { read: 3, kept: 3, quarantined: 0, reasons: {}, flags: { "coordinates-missing": 1 } },
  rejection: null,
  pending: [],
  debris: [],
  versions: [{ identity: "1", generation: 1, state: "current", read: 3, kept: 3, at: modified.toISOString() }],
  timings: { totalMs: 10 },
  committedAt: modified.toISOString(),
  correlationId: "many",
  workerVersion: "0.1.0",
} as const;

/** A lake of so many sources that exists only in what it answers: nothing is kept of them but their ids in order. */
function manySources(part: Buffer): OpenedLake["s3"] {
  const ids = Array.from({ length: many }, (_, at) => ({ at, id: sourceIdOf({ bucket: "raw", key: keyOf(at) }) }));
  ids.sort((a, b) => (a.id < b.id ? -1 : 1));
  const rankOf = new Map(ids.map(({ id }, rank) => [id, rank]));
  const partitionOf = (at: number): string => `country=BE/year=${1500 + (at % partitions)}/month=02`;
  const partOf = (at: number, id: string, role: "clean" | "gold"): Part => {
    const partition = role === "clean" ? "" : partitionOf(at);
    const folder = role === "clean" ? "openaq/clean" : `openaq/measurements/${partition}`;
    const bucket = role === "clean" ? "silver" : "gold";
    return { bucket, key: `${folder}/${id}.1-00ff.parquet`, rows: 3, bytes: part.length, role, partition };
  };
  const manifestOf = (stage: StageName, at: number, id: string): Manifest => ({
    ...manifestBase,
    stage,
    source: { bucket: "raw", key: keyOf(at) },
    sourceId: id,
    input: { identity: stage === "cleaner" ? `"${at}"` : "1" },
    outputs: [partOf(at, id, stage === "cleaner" ? "clean" : "gold")],
    pending: [],
    debris: [],
    versions: [...manifestBase.versions],
  });
  // Gold is listed by partition; which of them comes first is all the same here.
  const listed = (bucket: string, prefix: string, rank: number) => {
    if (bucket === "raw") return { Key: keyOf(rank), ETag: `"${rank}"`, Size: 1, LastModified: modified };
    const { at, id } = ids[rank] ?? { at: 0, id: "" };
    if (bucket === "ops") return { Key: `${prefix}${id}.json`, ETag: `"${id}"`, Size: 1, LastModified: modified };
    const isGone = bucket === "gold" && at % damagedEach === 0;
    const { key } = partOf(at, id, bucket === "gold" ? "gold" : "clean");
    return isGone ? [] : { Key: key, ETag: '"p"', Size: part.length, LastModified: modified };
  };
  const list = ({
    Bucket: bucket = "",
    Prefix: prefix = "",
    ContinuationToken: token,
  }: ListObjectsV2Command["input"]) => {
    const from = Number(token ?? 0);
    if (prefix.includes("/quarantine/")) return {};
    const to = Math.min(many, from + pageSize);
    const Contents = Array.from({ length: to - from }, (_, at) => listed(bucket, prefix, from + at)).flat();
    return { Contents, ...(to < many ? { NextContinuationToken: String(to) } : {}) };
  };
  const idIn = (key: string): string => /([0-9a-f]{32})/.exec(key)?.[1] ?? "";
  const get = ({ Key: key = "", Range: range }: GetObjectCommand["input"]) => {
    if (!key.startsWith("manifests/") && range === undefined)
      throw Object.assign(new Error("no such key"), { name: "NoSuchKey", $metadata: { httpStatusCode: 404 } });
    const { at, id } = ids[rankOf.get(idIn(key)) ?? 0] ?? { at: 0, id: "" };
    if (range === undefined) {
      const stage = key === manifestKey("cleaner", "openaq", id) ? "cleaner" : "joiner";
      const text = `${JSON.stringify(manifestOf(stage, at, id))}\n`;
      return { ETag: `"${id}"`, LastModified: modified, Body: { transformToString: async () => text } };
    }
    const [from = 0, to = 0] = (/(\d+)-(\d+)/.exec(range) ?? []).slice(1).map(Number);
    return { Body: { transformToByteArray: async () => part.subarray(from, to + 1) } };
  };
  const head = ({ Bucket: bucket, Key: key = "" }: HeadObjectCommand["input"]) => {
    const at = bucket === "raw" ? Number(/(\d{7})/.exec(key)?.[1]) : (ids[rankOf.get(idIn(key)) ?? 0]?.at ?? 0);
    if (bucket === "gold" && at % damagedEach === 0)
      throw Object.assign(new Error("NotFound"), { $metadata: { httpStatusCode: 404 } });
    return { ETag: `"${at}"`, ContentLength: bucket === "raw" ? 1 : part.length, LastModified: modified };
  };
  const send = async (command: unknown): Promise<unknown> => {
    if (command instanceof ListObjectsV2Command) return list(command.input);
    if (command instanceof GetObjectCommand) return get(command.input);
    if (command instanceof HeadObjectCommand) return head(command.input);
    throw new Error("not a command of this test");
  };
  return { send: send as OpenedLake["s3"]["send"] };
}

async function threeRows(folder: string): Promise<Buffer> {
  const file = join(folder, "part.parquet");
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  await connection.run(`COPY (FROM range(3)) TO '${file}' (FORMAT parquet)`);
  connection.closeSync();
  return readFile(file);
}

test("compares many sources in bounded memory", { timeout: 900_000 }, async () => {
  const folder = await tempFolder();
  await changeCatalogFile({ file: catalogFileOf(folder), clock: systemClock }, async (connection) => {
    await connection.run(
      `INSERT INTO partitions SELECT 'openaq', 'measurements', 'country=BE/year=' || (1500 + range) || '/month=02', 'gold', '', ''
       FROM range(${partitions})`,
    );
  });
  const topology = topologyOf("");
  const queue = { url: "q", deadLetterUrl: "d" };
  const opened: OpenedLake = {
    lake: { folder, shown: folder },
    shown: folder,
    s3: manySources(await threeRows(folder)),
    sqs: { send: (async () => ({ Attributes: {} })) as OpenedLake["sqs"]["send"] },
    clock: systemClock,
    topology,
    queues: { ingest: queue, clean: queue, join: queue, catalog: queue },
    [Symbol.asyncDispose]: async () => {},
  };
  using scratch = openScratch(join(folder, "scratch.sqlite"));
  const beforeMb = process.memoryUsage().rss / 1e6;
  let peakMb = beforeMb;
  const tick = async (): Promise<void> => {
    peakMb = Math.max(peakMb, process.memoryUsage().rss / 1e6);
  };
  const startedMs = performance.now();

  const looked = await lookThrough(
    { opened, scratch, datasets: await knownDatasets(), signal: new AbortController().signal, tick },
    { graceHours: 24, readsFooters: true },
  );

  const seconds = (performance.now() - startedMs) / 1000;
  expect(looked).toMatchObject({ raw: many, manifests: 2 * many, partitions });
  expect([...scratch.counts()]).toEqual([["missing-part", Math.ceil(many / damagedEach)]]);
  // What does not grow with the lake: pages in hand, the scratch's cache, and what the collector has not yet taken.
  expect(peakMb - beforeMb).toBeLessThan(600);
  const figures = { many, seconds, beforeMb, peakMb, manifestsPerSecond: (2 * many) / seconds };
  if (process.env["AIRLAKE_MANY_FIGURES"] !== undefined)
    await writeFile(process.env["AIRLAKE_MANY_FIGURES"], `${JSON.stringify(figures)}\n`);
});
