import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";

import { systemClock } from "@airlake/shared/clock";

import { openEmbedded } from "../../src/embedded.ts";
import { openLake } from "../../src/lake.ts";
import { dayFile, line } from "../day-file.ts";
import { tempFolder } from "../temp-folder.ts";
import { recordCount } from "./lake-rows.ts";
import { startUp } from "./up-process.ts";

const times = 10;

// How long it takes depends on the machine and on what else it does, so it is told and not judged.
test("a source that is put or dropped can be queried soon after", { timeout: 60_000 }, async ({ annotate }) => {
  const cwd = await tempFolder();
  const lake = join(cwd, "lake");
  const up = startUp(cwd);
  await up.ready();
  await using opened = await openEmbedded(await openLake(lake, "write"), systemClock);
  let records = 0;
  const took = async (bring: (text: string, at: number) => Promise<unknown>): Promise<number> => {
    const text = dayFile([line(records % 24, records)]);
    records += 1;
    const startMs = performance.now();
    await bring(text, records);
    await expect.poll(async () => recordCount(lake), { timeout: 20_000, interval: 5 }).toBe(records);
    return performance.now() - startMs;
  };
  const put = async (text: string, at: number): Promise<unknown> =>
    opened.s3.send(new PutObjectCommand({ Bucket: "raw", Key: `openaq/put-${at}.csv`, Body: text }));
  const drop = async (text: string, at: number): Promise<unknown> => {
    await writeFile(join(cwd, "new"), text);
    return rename(join(cwd, "new"), join(lake, "drop", `drop-${at}.csv`));
  };
  // The first one warms what is loaded when it is needed.
  await took(put);

  const puts: number[] = [];
  const drops: number[] = [];
  for (let at = 0; at < times; at += 1) puts.push(await took(put));
  for (let at = 0; at < times; at += 1) drops.push(await took(drop));

  await annotate(
    `PUT to queryable: p50 ${p50(puts)} ms; moved into the drop folder to queryable: p50 ${p50(drops)} ms`,
  );
  expect(up.settled.filter(({ outcome }) => outcome === "done")).toHaveLength(1 + 2 * times);
});

function p50(values: readonly number[]): number {
  return Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0);
}
