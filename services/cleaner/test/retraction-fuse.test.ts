import { expect, test } from "vitest";

import { TransientError } from "@airlake/shared/errors";
import { createTestLake } from "@airlake/shared/testing/embedded-lake";
import { createManifestStore } from "@airlake/shared/stage/manifest-store";

import { createHandle } from "../src/handle.ts";
import { createRetractionFuse, isHeld } from "../src/retraction-fuse.ts";

const source = { bucket: "raw", key: "openaq/a.csv" };
const body = JSON.stringify({ contract: "source-changed/1", source, correlationId: "c" });

test("a message that the fuse holds is sent anew before SQS would park it, and waits", async () => {
  await using lake = await createTestLake();
  const queueUrl = await lake.queue("clean");
  const error = new TransientError("the fuse is blown", { cause: "held by the fuse" });
  const align = async (): Promise<never> => {
    throw error;
  };
  const deps = { clients: lake.clients, rawBucket: "raw", queueUrl, knowsDataset: () => true, align };
  const hand = { log: lake.log } as unknown as Parameters<ReturnType<typeof createHandle>>[1];
  const receive = async (count: number) =>
    createHandle(deps)({ Body: body, Attributes: { ApproximateReceiveCount: String(count) } }, hand);

  await expect(receive(7)).rejects.toBe(error);
  const outcome = await receive(8);

  expect(isHeld(error)).toBe(true);
  expect(outcome).toMatchObject({ kind: "skipped", reason: "retraction-held" });
  expect(await lake.depth(queueUrl)).toBe(1);
  expect(await lake.take(queueUrl)).toEqual([]);
});

test("asks nobody about a source that has no rows in the lake", async () => {
  await using lake = await createTestLake();
  const manifests = createManifestStore(lake.s3, "ops");
  const settings = { sharePercent: 1, minimum: 1 };
  const fuse = createRetractionFuse({
    clients: lake.clients,
    manifests,
    buckets: { raw: "raw", ops: "ops" },
    settings,
  });

  for (const at of [1, 2, 3])
    await fuse.check({ source, sourceId: "0".repeat(32), dataset: "openaq", correlationId: String(at) });

  expect(fuse.warnings()).toEqual([]);
});
