/** More records, one file after another, many small files at once, and one small file into an idle pipeline. */
import { readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { catalogFileOf, registeredPartitions } from "../../shared/src/embedded/catalog-file.ts";
import type { Options } from "../options.ts";
import { runChild } from "../child.ts";
import { dayName, writeDay, writePlaces } from "../generate.ts";
import { type Spent, median, medianSpent, quantile, timed } from "../measure.ts";
import { type Pipeline, manifestsOf, openPipeline, put, sourceOf } from "../pipeline.ts";
import { type Table, goal } from "../tables.ts";

/** 1, 2, 4 and 8 times the records, each in a warm process of its own. */
export async function growth(options: Options): Promise<readonly Table[]> {
  const rows: number[][] = [];
  for (const factor of [1, 2, 4, 8]) {
    const file = join(options.work, `x${factor}.csv.gz`);
    await writeDay(file, { records: factor * options.records, gzipLevel: 6 });
    const rounds: (Spent & { readonly peakMb: number })[] = [];
    for (let at = 0; at < Math.min(3, options.rounds); at += 1) {
      const { stdout, peakMb } = await runChild("bench/one-run.ts", [join(options.work, `x${factor}-${at}`), file]);
      rounds.push({ ...JSON.parse(stdout), peakMb });
    }
    const { wall, cpu } = medianSpent(rounds, (one) => one);
    const [, firstWall = wall, firstCpu = cpu] = rows[0] ?? [];
    const records = factor * options.records;
    rows.push([
      records,
      wall,
      cpu,
      records / wall,
      wall / firstWall,
      cpu / firstCpu,
      median(rounds, (one) => one.peakMb),
    ]);
  }
  return [
    {
      title: `Growth, in warm processes (median of ${Math.min(3, options.rounds)})`,
      columns: ["", "records", "wall s", "CPU s", "records/s", "wall to x1", "CPU to x1", "peak RSS MB"],
      rows: rows.map((row, at) => [`x${2 ** at}`, ...row]),
      notes: [goal("wall time of x8 to x1", rows[3]?.[4] ?? Number.NaN, ["at most", 8.5])],
    },
  ];
}

/** The files of a folder: each is put when the one before is through. */
export async function fetches(options: Options): Promise<readonly Table[]> {
  if (options.folder === undefined)
    return [{ title: "fetches: left out, no --folder is given", columns: [], rows: [] }];
  const folder = resolve(options.folder);
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.flatMap((entry) => (entry.isFile() ? [entry.name] : [])).toSorted();
  await using pipeline = await openPipeline(options.work);
  const runOne = async (name: string, key: string): Promise<Spent & { readonly records: number }> => {
    const spent = await pipeline.run([await sourceOf(key, join(folder, name))]);
    return { ...spent, records: (await manifestsOf(pipeline.opened, key)).cleaner.counts?.read ?? 0 };
  };
  await runOne(names[0] ?? "", `openaq/warm/${names[0]}`);
  const each: Awaited<ReturnType<typeof runOne>>[] = [];
  for (const name of names) each.push(await runOne(name, `openaq/all/${name}`));
  const sum = (of: (one: (typeof each)[0]) => number): number => each.reduce((so, one) => so + of(one), 0);
  const [wall, cpu, records] = [sum((one) => one.wall), sum((one) => one.cpu), sum((one) => one.records)];
  const walls = each.map((one) => one.wall);
  return [
    {
      title: `The ${names.length} files of ${basename(folder)}, one after another, in a warm process`,
      columns: ["", "records", "wall s", "CPU s", "p50 s a file", "p95 s a file", "records/s"],
      rows: [
        ["airlake, PUT to quiet", records, wall, cpu, quantile(walls, 0.5), quantile(walls, 0.95), records / wall],
      ],
    },
  ];
}

/** Sources of one place and 100 rows, put at once. */
export async function small({ work, sources = 1000, rounds }: Options): Promise<readonly Table[]> {
  const paths = await writePlaces(join(work, "small"), sources, 100);
  await using pipeline = await openPipeline(work);
  const runAll = async (round: string, some: readonly string[]): Promise<Spent> =>
    pipeline.run(
      await Promise.all(some.map(async (path, at) => sourceOf(`openaq/${round}/${at}/${dayName}.csv`, path))),
    );
  await runAll("warm", paths.slice(0, 50));
  const spent: Spent[] = [];
  for (let at = 0; at < Math.min(3, rounds); at += 1) spent.push(await runAll(`${at}`, paths));
  const { wall, cpu } = medianSpent(spent, (one) => one);
  return [
    {
      title: `Small sources of 100 rows at once, in a warm process (median of ${spent.length})`,
      columns: ["", "sources", "wall s", "CPU s", "sources/s", "CPU ms a source"],
      rows: [["airlake, PUT to quiet", sources, wall, cpu, sources / wall, (cpu * 1000) / sources]],
      notes: [goal("sources a second", sources / wall, ["at least", 100])],
    },
  ];
}

/** A source of 100 rows into an idle pipeline, its partition new to the catalog. */
export async function latency({ work, sources = 50 }: Options): Promise<readonly Table[]> {
  await using pipeline = await openPipeline(work);
  const waits: number[] = [];
  const warmUps = 3;
  for (let at = 0; at < sources + warmUps; at += 1) {
    const file = join(work, `${at}.csv`);
    await writeDay(file, { records: 100, places: [0, 1], monthsBack: at });
    // All services wait in their long polls again.
    await wait(200);
    const seconds = await putToQueryable(pipeline, `openaq/${at}/${dayName}.csv`, file);
    if (at >= warmUps) waits.push(seconds);
  }
  return [
    {
      title: "From PUT to queryable when idle: sources of 100 rows",
      columns: ["", "puts", "p50 s", "p95 s", "slowest s"],
      rows: [["airlake", sources, quantile(waits, 0.5), quantile(waits, 0.95), quantile(waits, 1)]],
      notes: [
        "Queryable: the joiner's manifest is committed, and the catalog knows its partition, which was new to it.",
        goal("the median in seconds", quantile(waits, 0.5), ["at most", 1]),
      ],
    },
  ];
}

async function putToQueryable(pipeline: Pipeline, key: string, file: string): Promise<number> {
  const { opened } = pipeline;
  const queryable = pipeline.catalogued(key);
  const { wall } = await timed(async () => Promise.all([put(opened, key, file), queryable]));
  const { joiner } = await manifestsOf(opened, key);
  const catalog = { file: catalogFileOf(opened.lake.folder), clock: opened.clock };
  const known = await registeredPartitions(catalog, { database: "openaq", name: "measurements" });
  if (joiner.outputs.some(({ partition }) => !known.has(partition))) throw new Error(`${key} was said to be queryable`);
  return wall;
}
