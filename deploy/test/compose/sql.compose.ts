// SQL as on Athena: Trino over Glue and S3 answers as the DuckDB catalog of the embedded lake does, while the lake changes.
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "@airlake/shared/clock";
import { hiveType } from "@airlake/shared/contracts/column-types";
import { type TableColumn, tablesOf } from "@airlake/shared/contracts/tables";
import { containerReason, localStackImage, motoImage } from "@airlake/shared/testing/containers";
import { fixturesFolder } from "@airlake/shared/testing/fixtures";

import { knownDatasets } from "../../../cli/src/datasets.ts";
import { openQuery } from "../../../cli/src/query/open-query.ts";
import { jsonOf } from "../../../cli/src/query/result-value.ts";
import { generateSample } from "../../../cli/src/sample/generate.ts";
import { type GlueColumn, openGlue } from "../lake/glue.ts";
import { askTrino } from "../lake/trino.ts";
import { type BothLakes, createBothLakes } from "./both-lakes.ts";
import { generatedFile } from "./generated-files.ts";
import { duckDbDialect, questionsFor, trinoDialect } from "./questions.ts";

const trinoImage = "trinodb/trino:476";
const images = [localStackImage, motoImage, trinoImage, "node:24-bookworm-slim"];
const reason = images.map((image) => containerReason(image)).find((one) => one !== undefined);
const fixtures = fixturesFolder();
const quietMs = 180_000;
const header = "location,city,country,utc,local,parameter,value,unit,latitude,longitude,attribution";

describe.skipIf(reason !== undefined)(`SQL as on Athena${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  let both: BothLakes;
  beforeAll(async () => {
    both = await createBothLakes(["sql"]);
    await both.stack.compose("build");
    await both.stack.compose("up", "--detach", "--wait");
  });
  afterAll(async () => both[Symbol.asyncDispose]());

  /** Asks both engines, of the same files. */
  async function expectSameAnswers(which: "all" | "of every state" = "of every state"): Promise<void> {
    await both.settle(quietMs);
    const lake = both.embedded.folder;
    await using duckDb = await openQuery({ lake, datasets: await knownDatasets(), clock: systemClock });
    const trinos = questionsFor(trinoDialect);
    for (const [at, { name, sql, isRounded = false, isOfEveryState = false }] of questionsFor(
      duckDbDialect,
    ).entries()) {
      if (which === "of every state" && !isOfEveryState) continue;
      const wanted: (readonly unknown[])[] = [];
      const { chunks } = await duckDb.run(sql, new AbortController().signal);
      for await (const rows of chunks) wanted.push(...rows.map((row) => row.map((value) => comparable(jsonOf(value)))));
      const found = (await ask(trinos[at]?.sql ?? "")).map((row) => row.map(comparable));
      expect(found, name).toEqual(isRounded ? wanted.map((row) => row.map(nearly)) : wanted);
      expect(found.length, name).toBeGreaterThan(0);
    }
  }
  const ask = async (sql: string) => askTrino(both.stack.trinoEndpoint, sql);
  const count = async (): Promise<number> => Number((await ask("SELECT count(*) FROM measurements"))[0]?.[0]);

  test("answers alike over every kind of source, with defects, in every script", async () => {
    await using sample = await sampleFiles();
    for (const { name, path } of sample.files) await both.put(name, await readFile(path));
    for (const number of [1, 2, 3, 4, 5, 6]) await both.put(...fileOf(number, 150));
    await both.put("notes.txt", "this is no measurement\n");
    if (fixtures !== undefined) {
      const name = "2018-02-06.csv.gz";
      await both.put(name, await readFile(join(fixtures, "derived-legacy-csv", name)));
    }

    await expectSameAnswers("all");
    expect(await count()).toBeGreaterThan(fixtures === undefined ? 500 : 437_952);
    await both.expectSame();
  });

  test("has every table in Glue as the definition declares it, and every partition that holds rows", async () => {
    using glue = openGlue(both.stack.glueEndpoint);

    const found = await glue.tables("openaq");

    const [openaq] = await knownDatasets();
    const wanted = openaq === undefined ? [] : tablesOf(openaq, both.lake.topology.buckets);
    expect(found.map(({ name }) => name)).toEqual(["countries", "measurements", "quarantine", "sources"]);
    for (const table of wanted) {
      expect(found.find(({ name }) => name === table.name)).toEqual({
        name: table.name,
        comment: table.comment,
        columns: table.columns.map(columnOf),
        partitionColumns: table.partitions.map(columnOf),
        location: `s3://${table.location.bucket}/${table.location.prefix}`,
      });
    }
    const outputs = [...(await both.lake.manifests("joiner")).values()].flatMap((manifest) => manifest.outputs);
    const partitions = [...new Set(outputs.map(({ partition }) => partition))].toSorted();
    const own = wanted.filter(({ name }) => name === "measurements").flatMap(({ columns }) => columns.map(columnOf));
    expect(await glue.partitions("openaq", "measurements")).toEqual(
      partitions.map((partition) => ({
        values: partition.replaceAll(/\w+=/gu, ""),
        location: `s3://airlake-gold/openaq/measurements/${partition}/`,
        columns: own,
      })),
    );
    expect(own).toContainEqual({ name: "utc", type: "timestamp", comment: "The instant of the measurement" });
    expect(own).toContainEqual(expect.objectContaining({ name: "flags", type: "array<string>" }));
  });

  test("answers alike after a republish", async () => {
    const [name] = fileOf(2, 150);
    await both.put(name, generatedFile(7, 90).body);

    await expectSameAnswers();
  });

  test("answers alike after a removal that leaves partitions empty", async () => {
    const [name] = fileOf(4, 150);
    await both.put("only.csv", `${header}\nA,A,IS,2011-03-06T05:00:00Z,,pm25,7,µg/m³,,,\n`);
    await both.settle(quietMs);
    const before = await count();
    await both.remove(name);
    await both.remove("only.csv");

    await expectSameAnswers();
    expect(await count()).toBeLessThan(before);
    const emptied = "SELECT count(*) FROM measurements WHERE country = 'IS' AND year = 2011 AND month = 3";
    expect(await ask(emptied)).toEqual([[0]]);
  });

  test("answers alike after a month that no partition was for", async () => {
    const march = "A,A,NA,2019-03-31T22:30:00Z,2019-04-01T00:30:00+02:00,pm25,7.25,µg/m³,-22.57,17.08,";
    await both.put("march.csv", `${header}\n${march}\n`);

    await expectSameAnswers();
    const april = "SELECT country, month, local_date, utc, local_time FROM measurements WHERE year = 2019";
    expect(await ask(april)).toEqual([["NA", 4, "2019-04-01", "2019-03-31T22:30:00", "2019-04-01T00:30:00"]]);
  });
});

function columnOf({ name, type, comment }: TableColumn): GlueColumn {
  return { name, type: hiveType(type), comment };
}

function fileOf(number: number, records: number): readonly [string, string] {
  const { name, body } = generatedFile(number, records);
  return [name, body];
}

/** An instant and a time stamp are one type in Glue: both are shown without a zone, in UTC. Sorting takes its sign from -0. */
function comparable(cell: unknown): unknown {
  if (cell === 0) return 0;
  return typeof cell === "string" ? cell.replace(/^(\d{4}-\d\d-\d\dT[\d:.]+)Z$/u, "$1") : cell;
}

function nearly(cell: unknown): unknown {
  return typeof cell === "number" ? expect.closeTo(cell, 4) : cell;
}

/** A generated day in every format; gone when disposed of. */
async function sampleFiles(): Promise<AsyncDisposable & { readonly files: readonly { name: string; path: string }[] }> {
  const parent = await mkdtemp(join(tmpdir(), "airlake-sample-"));
  const folder = join(parent, "sample");
  await generateSample({ folder, date: "2024-05-14", seed: 3, records: 800, badFiles: false });
  const files = (await readdir(folder)).map((name) => ({ name, path: join(folder, name) }));
  return { files, [Symbol.asyncDispose]: async () => rm(parent, { recursive: true, force: true }) };
}
