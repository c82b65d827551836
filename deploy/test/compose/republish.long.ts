// What readers see of a source that is being republished: those who list prefixes, as Trino does. Prints the figures.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { queueRoles, topologyOf } from "@airlake/shared/contracts/topology";
import { containerReason, localStackImage, motoImage } from "@airlake/shared/testing/containers";
import { fixturesFolder } from "@airlake/shared/testing/fixtures";

import { type RemoteLake, openRemoteLake } from "../lake/remote-lake.ts";
import { askTrino } from "../lake/trino.ts";
import { type Stack, createStack } from "./stack.ts";

const images = [localStackImage, motoImage, "trinodb/trino:476", "node:24-bookworm-slim"];
const fixtures = fixturesFolder();
const reason =
  fixtures === undefined
    ? "there are no recorded files"
    : images.map((image) => containerReason(image)).find((one) => one !== undefined);
const quietMs = 300_000;
const republishes = 5;
/** Readers who never rest would slow down what they look at. */
const lookEveryMs = 40;
const askEveryMs = 400;
const key = "openaq/2018-02-06.csv.gz";
const prefix = "openaq/measurements/";

/** One look at gold: for each partition, the generations of which parts lie there. */
interface Look {
  readonly atMs: number;
  readonly generations: ReadonlyMap<string, ReadonlySet<string>>;
}

describe.skipIf(reason !== undefined)(`a republished day${reason === undefined ? "" : ` (${reason})`}`, () => {
  let stack: Stack;
  let lake: RemoteLake;
  beforeAll(async () => {
    stack = await createStack(["sql"]);
    await stack.compose("up", "--build", "--detach", "--wait");
    lake = openRemoteLake(stack.endpoint, topologyOf("airlake"));
  });
  afterAll(async () => {
    lake[Symbol.dispose]();
    await stack[Symbol.asyncDispose]();
  });

  test("is never away, and twice there for a moment only", async () => {
    const day = gunzipSync(await readFile(join(fixtures ?? "", "derived-legacy-csv", "2018-02-06.csv.gz")));
    await lake.put(key, day);
    await lake.quietOf(queueRoles, quietMs);
    const rowsOfDay = await countRows(stack);
    const windows: { readonly longestMs: number; readonly wholeMs: number; readonly neither: number }[] = [];
    const answers: string[] = [];

    for (let at = 1; at <= republishes; at += 1) {
      const looking = { isOver: false };
      const [looks, told] = [lookOn(lake, looking), askOn(stack, rowsOfDay, looking)];
      // One more line end makes it another version with the same rows.
      await lake.put(key, Buffer.concat([day, Buffer.from("\n".repeat(at))]));
      await lake.quietOf(queueRoles, quietMs);
      looking.isOver = true;
      windows.push(windowsOf(await looks));
      answers.push(...(await told));
    }

    const longest = windows.map(({ longestMs }) => longestMs).toSorted((a, b) => a - b);
    const whole = windows.map(({ wholeMs }) => wholeMs).toSorted((a, b) => a - b);
    const kinds = Object.groupBy(answers, (answer) => answer);
    process.stdout.write(
      `${republishes} republishes of a day with 55 partitions\n` +
        `one partition shows both versions: longest of each republish, ms: ${longest.join(" ")}\n` +
        `some partition shows both versions: ms: ${whole.join(" ")}\n` +
        `answers of Trino meanwhile: ${JSON.stringify(Object.fromEntries(Object.entries(kinds).map(([kind, all]) => [kind, all?.length])))}\n`,
    );
    expect(windows.map(({ neither }) => neither)).toEqual(windows.map(() => 0));
    expect(longest.at(-1)).toBeGreaterThan(0);
    expect(await countRows(stack)).toBe(rowsOfDay);
  });
});

/** Lists gold again and again. */
async function lookOn(lake: RemoteLake, looking: { readonly isOver: boolean }): Promise<readonly Look[]> {
  const looks: Look[] = [];
  while (!looking.isOver) {
    const page = await lake.s3.send(new ListObjectsV2Command({ Bucket: lake.topology.buckets.gold, Prefix: prefix }));
    const generations = new Map<string, Set<string>>();
    for (const { Key = "" } of page.Contents ?? []) {
      const partition = Key.slice(prefix.length, Key.lastIndexOf("/"));
      const found = generations.get(partition) ?? new Set();
      generations.set(partition, found.add(Key.split(".")[1] ?? ""));
    }
    looks.push({ atMs: performance.now(), generations });
    await pause(lookEveryMs);
  }
  return looks;
}

/** Counts rows in Trino again and again: what it answers, in words. */
async function askOn(stack: Stack, rows: number, looking: { readonly isOver: boolean }): Promise<readonly string[]> {
  const answers: string[] = [];
  while (!looking.isOver) {
    const answer = await countRows(stack).catch((error: unknown) =>
      error instanceof Error ? (error.message.split(":")[0] ?? "") : "error",
    );
    answers.push(
      typeof answer === "string" ? answer : answer === rows ? "right" : answer > rows ? "too many" : "too few",
    );
    await pause(askEveryMs);
  }
  return answers;
}

async function countRows(stack: Stack): Promise<number> {
  // What it knows of a Parquet file without opening it is not enough: the rows themselves are read.
  const [[count] = []] = await askTrino(stack.trinoEndpoint, "SELECT count(source_id) FROM measurements");
  return Number(count);
}

function windowsOf(looks: readonly Look[]) {
  const partitions = new Set(looks.flatMap(({ generations }) => [...generations.keys()]));
  const both = [...partitions].map((partition) => {
    const seen = looks.filter(({ generations }) => (generations.get(partition)?.size ?? 0) > 1);
    return { fromMs: seen[0]?.atMs, toMs: seen.at(-1)?.atMs };
  });
  const spans = both.flatMap(({ fromMs, toMs }) =>
    fromMs === undefined || toMs === undefined ? [] : [{ fromMs, toMs }],
  );
  const longest = Math.max(0, ...spans.map(({ fromMs, toMs }) => toMs - fromMs));
  const from = Math.min(...spans.map(({ fromMs }) => fromMs));
  const to = Math.max(...spans.map(({ toMs }) => toMs));
  const neither = looks.filter(({ generations }) => [...partitions].some((partition) => !generations.has(partition)));
  return {
    longestMs: Math.round(longest),
    wholeMs: spans.length === 0 ? 0 : Math.round(to - from),
    neither: neither.length,
  };
}
