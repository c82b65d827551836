/** The reference day: in a warm process beside the bare statement on the same file, and as a whole command from cold. */
import { copyFile } from "node:fs/promises";
import { basename, join } from "node:path";

import { type Bare, openBare } from "../bare.ts";
import type { Options } from "../options.ts";
import { runChild } from "../child.ts";
import { dayName, writeDay } from "../generate.ts";
import { type Spent, median, medianSpent } from "../measure.ts";
import { type Pipeline, manifestsOf, openPipeline, sourceOf } from "../pipeline.ts";
import { type Table, goal } from "../tables.ts";

/** Bare, ours, bare, ours, …: what disturbs one disturbs the other too. */
export async function day(options: Options): Promise<readonly Table[]> {
  const input = await inputOf(options);
  await using pipeline = await openPipeline(options.work);
  // The first run warms up, and tells the bare statement what it must know.
  const firstKey = `openaq/first/${basename(input)}`;
  await pipeline.run([await sourceOf(firstKey, input)]);
  const { cleaner, joiner } = await manifestsOf(pipeline.opened, firstKey);
  const gold = joiner.outputs.map(({ key }) => join(pipeline.opened.lake.folder, "gold", key));
  const { sourceId, referenceTime } = cleaner;
  using bare = await openBare(options.work, input, { sourceId, referenceTime: referenceTime ?? "", gold });
  await bare.run("whole");
  const kept = await bare.checkRows();
  await oneRound(pipeline, bare, { input, name: "second" });

  const rounds: Round[] = [];
  for (let at = 0; at < options.rounds; at += 1) rounds.push(await oneRound(pipeline, bare, { input, name: `${at}` }));
  const read = cleaner.counts?.read.toLocaleString("en-US") ?? "";
  const title = `A day in a warm process: ${read} records, ${gold.length} partitions (median of ${rounds.length})`;
  const toBare = median(rounds, ({ ours, bare: { wall } }) => ours.wall / wall);
  return [
    {
      title,
      columns: ["", "wall s", "CPU s", "fastest s", "wall to bare", "CPU to bare"],
      rows: wholes(rounds),
      notes: [
        `All ${kept.toLocaleString("en-US")} rows of both are equal, column by column.`,
        goal("airlake's wall time to the bare statement's", toBare, ["at most", 3]),
      ],
    },
    stageTable(rounds),
  ];
}

interface Round {
  readonly bare: Spent;
  readonly bareClean: Spent;
  readonly bareJoin: Spent;
  readonly ours: Spent;
  readonly split: number;
  readonly stages: ReturnType<Pipeline["stages"]>;
}

async function oneRound(pipeline: Pipeline, bare: Bare, of: { input: string; name: string }): Promise<Round> {
  const shares = {
    bare: await bare.run("whole"),
    bareClean: await bare.run("clean"),
    bareJoin: await bare.run("join"),
  };
  // Another key each time: a source that has not changed is not done again.
  const key = `openaq/${of.name}/${basename(of.input)}`;
  const ours = await pipeline.run([await sourceOf(key, of.input)]);
  const { timings } = (await manifestsOf(pipeline.opened, key)).cleaner;
  return { ...shares, ours, split: (timings["splitMs"] ?? Number.NaN) / 1000, stages: { ...pipeline.stages() } };
}

function wholes(rounds: readonly Round[]): Table["rows"] {
  return (["bare", "ours"] as const).map((which) => {
    const { wall, cpu } = medianSpent(rounds, (one) => one[which]);
    const fastest = Math.min(...rounds.map((one) => one[which].wall));
    const toBare = median(rounds, (one) => one[which].wall / one.bare.wall);
    const cpuToBare = median(rounds, (one) => one[which].cpu / one.bare.cpu);
    return [which === "bare" ? "bare statement" : "airlake, PUT to quiet", wall, cpu, fastest, toBare, cpuToBare];
  });
}

function stageTable(rounds: readonly Round[]): Table {
  const stage = (service: string, share: "bareClean" | "bareJoin") => {
    const whole = medianSpent(rounds, (one) => one.stages[service]?.whole ?? nothing);
    const engine = medianSpent(rounds, (one) => one.stages[service]?.engine ?? nothing);
    const bare = medianSpent(rounds, (one) => one[share]);
    const toBare = [engine.wall / bare.wall, engine.cpu / bare.cpu] as const;
    return {
      rows: [
        [`${service}, whole`, whole.wall, whole.cpu],
        [`${service}, engine`, engine.wall, engine.cpu, bare.wall, bare.cpu, ...toBare],
      ],
      goal: goal(`the ${service}'s engine time to the bare statement's share`, toBare[0], ["at most", 1.4]),
    };
  };
  const [cleaner, joiner] = [stage("cleaner", "bareClean"), stage("joiner", "bareJoin")];
  const split = median(rounds, (one) => one.split);
  return {
    title: `Where the time goes, and the bare statement's share (median of ${rounds.length})`,
    columns: ["", "wall s", "CPU s", "bare wall s", "bare CPU s", "wall to bare", "CPU to bare"],
    rows: [...cleaner.rows, ["cleaner, inflate and split", split], ...joiner.rows],
    notes: [
      "Engine: while a DuckDB statement of the service runs. The shares are the bare statement cut in two, with a Parquet file between.",
      cleaner.goal,
      joiner.goal,
    ],
  };
}

const nothing = { wall: Number.NaN, cpu: Number.NaN };

/** Inside the work folder: there the bare statement may read it. */
async function inputOf({ input, work, records }: Options): Promise<string> {
  const path = join(work, input === undefined ? `${dayName}.csv.gz` : basename(input));
  if (input === undefined) await writeDay(path, { records, gzipLevel: 6 });
  else await copyFile(input, path);
  return path;
}

/** A process is started, a lake made, the file run through, and all closed. */
export async function cold(options: Options): Promise<readonly Table[]> {
  const input = await inputOf(options);
  const rounds: Awaited<ReturnType<typeof runChild>>[] = [];
  for (let at = 0; at < options.rounds; at += 1) {
    const lake = join(options.work, `lake-${at}`);
    rounds.push(await runChild("cli/src/main.ts", ["run", input, "--lake", lake, "--json"]));
  }
  const { wall, cpu } = medianSpent(rounds, (one) => one);
  const fastest = Math.min(...rounds.map((one) => one.wall));
  return [
    {
      title: `The whole command from cold (median of ${rounds.length})`,
      columns: ["", "wall s", "CPU s", "fastest s", "peak RSS MB"],
      rows: [[`airlake run ${basename(input)}`, wall, cpu, fastest, median(rounds, ({ peakMb }) => peakMb)]],
      notes: [goal("its wall time in seconds, an eighth of PySpark's 21.9,", wall, ["at most", 2.74])],
    },
  ];
}
