import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { systemClock } from "@airlake/shared/clock";
import { sourceIdOf } from "@airlake/shared/contracts/keys";
import { topologyOf } from "@airlake/shared/contracts/topology";
import { expect, test } from "vitest";

import { lookOnce } from "../../src/reconcile/look-once.ts";
import { dayFile, line } from "../day-file.ts";
import { startPipeline } from "../pipeline/pipeline.ts";

const options = { grace: 0, quick: false, deleteMany: true };

test(
  "mends beside running workers without a grace period, and neither loses nor doubles a row",
  { timeout: 180_000 },
  async () => {
    await using pipeline = await startPipeline({ env: { FUSE_SHARE_PERCENT: "100" } });
    await using _second = await pipeline.more("cleaner");
    const { lake, queues } = pipeline;
    const opened = {
      lake: { folder: lake.folder, shown: lake.folder },
      shown: lake.folder,
      ...{ s3: lake.s3, sqs: lake.sqs, clock: systemClock },
      ...{ topology: topologyOf(""), queues, [Symbol.asyncDispose]: async () => {} },
    };
    const signal = new AbortController().signal;
    const mend = async () => lookOnce(opened, { options, signal, tick: async () => {}, repairs: "now" });
    const truth = new Map<string, number>();
    const repairs: unknown[] = [];
    const damage = async (key: string): Promise<void> => {
      const sourceId = sourceIdOf({ bucket: "raw", key });
      const orphan = `openaq/clean/${sourceId}.9-00ff.parquet`;
      await lake.s3.send(new PutObjectCommand({ Bucket: "silver", Key: orphan, Body: "nobody's" }));
      const [part] = (await pipeline.manifest("joiner", key))?.outputs ?? [];
      if (part !== undefined) await lake.s3.send(new DeleteObjectCommand({ Bucket: "gold", Key: part.key }));
    };

    for (let round = 1; round <= 4; round += 1) {
      for (let at = 0; at < 8; at += 1) {
        const key = `openaq/${at}.csv`;
        const value = round * 100 + at;
        // Some go, some come back, all change.
        if ((at + round) % 4 === 0) await pipeline.remove(key);
        else await pipeline.put(key, dayFile([line(at, value)]));
        if ((at + round) % 4 === 0) truth.delete(key);
        else truth.set(key, value);
      }
      for (let at = 0; at < 8; at += 3) await damage(`openaq/${at}.csv`);
      repairs.push(...(await mend()).repairs);
    }
    for (const _look of [1, 2]) {
      await pipeline.quiet();
      repairs.push(...(await mend()).repairs);
    }
    await pipeline.quiet();
    const after = await mend();

    const values = [...truth.values()].toSorted((a, b) => a - b).map((value) => ({ value }));
    expect(repairs.length).toBeGreaterThan(3);
    expect(after.groups).toEqual([]);
    expect(await pipeline.rows("select value from {gold} order by value")).toEqual(values);
    expect(await pipeline.unnamed()).toEqual([]);
  },
);
