/** The world of the aims: one lake in this process, looked at and changed behind the workers' backs. */
import { setTimeout as wait } from "node:timers/promises";

import { ChangeMessageVisibilityCommand } from "@aws-sdk/client-sqs";
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { manifestKey, sourceIdOf } from "@airlake/shared/contracts/keys";
import { type Manifest, manifestSchema } from "@airlake/shared/contracts/manifest";
import { httpStatusOf } from "@airlake/shared/errors";

import type { OpenedLake } from "../../src/opened-lake.ts";
import { askToLook } from "../../src/pipeline.ts";
import type { World } from "./aims.ts";

const dataset = "openaq";
/** What an aim waits for may never come where a line was taken away. */
const patienceMs = 20_000;

export interface Watched {
  receiptsOf(source: string): readonly string[];
  acknowledgements(source: string): number;
  readonly leaseMs: number;
}

export function createWorld(opened: OpenedLake, watched: Watched): World {
  const { s3, sqs, topology, queues } = opened;
  const put = async (source: string, body: string): Promise<void> => {
    await s3.send(new PutObjectCommand({ Bucket: topology.buckets.raw, Key: source, Body: body }));
  };
  return {
    put,
    look: async (source) => askToLook(opened, [source]),
    async shareOut(source) {
      for (const ReceiptHandle of watched.receiptsOf(source))
        await sqs.send(
          new ChangeMessageVisibilityCommand({ QueueUrl: queues.clean.url, ReceiptHandle, VisibilityTimeout: 0 }),
        );
    },
    async untilCleaned(source, is) {
      await until(async () => {
        const manifest = await cleanedOf(opened, source);
        return manifest?.state === is && manifest.debris.length === 0 && manifest.rejection?.parked !== false;
      });
    },
    async untilAcknowledged(source) {
      const before = watched.acknowledgements(source);
      await until(async () => watched.acknowledgements(source) > before);
    },
    async untilGone(bucket, key) {
      await until(async () =>
        s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key })).then(
          () => false,
          (error: unknown) => httpStatusOf(error) === 404,
        ),
      );
    },
    untilLeasesAreOver: async () => wait(watched.leaseMs + 200),
  };
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + patienceMs;
  while (!(await isSo()) && Date.now() < deadlineMs) await wait(10);
}

async function cleanedOf({ s3, topology }: OpenedLake, source: string): Promise<Manifest | undefined> {
  const Key = manifestKey("cleaner", dataset, sourceIdOf({ bucket: topology.buckets.raw, key: source }));
  const got = await s3.send(new GetObjectCommand({ Bucket: topology.buckets.ops, Key })).catch(() => undefined);
  const text = await got?.Body?.transformToString();
  return text === undefined ? undefined : manifestSchema.parse(JSON.parse(text));
}
