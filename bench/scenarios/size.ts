/** What is large: sources of gigabytes, thousands of partitions, a hundred thousand sources; by services as processes. */
import { rm } from "node:fs/promises";
import { join } from "node:path";

import type { Options } from "../options.ts";
import { type DayOptions, dayName, writeDay, writePlaces } from "../generate.ts";
import { timed } from "../measure.ts";
import { manifestsOf, put } from "../pipeline.ts";
import { type Watched, startServiceProcesses } from "../services.ts";
import { type Table, goal } from "../tables.ts";

export async function size({ work, gigabytes }: Options): Promise<readonly Table[]> {
  const tables: Table[] = [];
  for (const count of gigabytes) {
    const day = { records: Infinity, bytes: count * 1e9, gzipLevel: 1 };
    tables.push(await passOne(join(work, `${count}`), `A source of ${count} GB of text`, day));
  }
  return tables;
}

const months = 144;

/** 35 countries in each of 144 months. */
export async function partitions({ work }: Options): Promise<readonly Table[]> {
  return [await passOne(work, "A source of many partitions", { records: 470 * months, places: [0, 47], months })];
}

/** One source through services that have seen nothing before. */
async function passOne(folder: string, title: string, day: DayOptions): Promise<Table> {
  const file = join(folder, `${dayName}.csv.gz`);
  const key = `openaq/${dayName}.csv.gz`;
  await writeDay(file, { gzipLevel: 6, ...day });
  await using services = await startServiceProcesses(folder);
  await put(services.opened, key, file);
  await rm(file);
  let seen: readonly Watched[] = [];
  const { wall } = await timed(async () => (seen = await services.watch(Promise.resolve())));
  const { cleaner, joiner } = await manifestsOf(services.opened, key);
  const records = (cleaner.counts?.read ?? 0).toLocaleString("en-US");
  return {
    title: `${title}: ${records} records, ${joiner.outputs.length} partitions, ${Math.round(wall)} s`,
    columns: ["", "peak RSS MB", "peak scratch MB", "slowest live answer ms", "answers over 1 s"],
    rows: seen.map((one) => [one.name, one.peakRssMb, one.peakScratchMb, one.slowestLiveMs, one.lateLives]),
    notes: [
      goal("a service's peak memory in MB", Math.max(...seen.map((one) => one.peakRssMb)), ["at most", 1500]),
      goal("a live answer in ms", Math.max(...seen.map((one) => one.slowestLiveMs)), ["at most", 1000]),
    ],
  };
}

/** Whether memory grows with the number of sources. */
export async function many({ work, sources = 100_000 }: Options): Promise<readonly Table[]> {
  // So many files are put over and over, under other keys.
  const paths = await writePlaces(join(work, "tiny"), Math.min(sources, 1000), 10);
  await using services = await startServiceProcesses(work);
  const samples: (readonly Watched[])[] = [];
  const putAll = async (): Promise<void> => {
    for (let at = 0; at < sources; at += 1)
      await put(services.opened, `openaq/${at}/${dayName}.csv`, paths[at % paths.length] ?? "");
  };
  const { wall } = await timed(async () => services.watch(putAll(), (now) => samples.push(now)));
  const shares = [0.05, 0.2, 0.4, 0.6, 0.8, 1];
  const rssAt = (share: number, name: string): number =>
    samples[Math.floor(share * (samples.length - 1))]?.find((one) => one.name === name)?.rssMb ?? Number.NaN;
  return [
    {
      title: `${sources.toLocaleString("en-US")} sources of 10 rows in ${Math.round(wall)} s: resident memory in MB by time`,
      columns: ["", ...shares.map((share) => `${share * 100} %`)],
      rows: ["cleaner", "joiner", "catalog-sync"].map((name) => [name, ...shares.map((share) => rssAt(share, name))]),
    },
  ];
}
