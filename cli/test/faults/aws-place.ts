/** The same storm on S3, SQS and Glue behind the AWS SDK: emulators in containers, and a proxy before each that lets connections fail. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { systemClock } from "@airlake/shared/clock";
import { containerReason, localStackImage, motoImage, startMoto } from "@airlake/shared/testing/containers";

import { mapBounded } from "../../src/bounded.ts";
import { pipelineRoles } from "../../src/embedded.ts";
import { type OpenedLake, openAnyLake } from "../../src/opened-lake.ts";
import { depthOf } from "../../src/pipeline.ts";
import { createRandom } from "../../src/sample/prng.ts";
import { startEmulated } from "../aws/emulated-lake.ts";
import { createDeal } from "./dealt.ts";
import type { Place } from "./place.ts";
import { startProxy } from "./proxy.ts";

/** Why there is no such place here; undefined where there is. */
export function awsReason(): string | undefined {
  return containerReason(localStackImage) ?? containerReason(motoImage);
}

/** Starts the emulators and makes a lake there. The lake itself is reached without a proxy: only workers meet its faults. */
export async function awsPlace(
  folder: string,
  { seed, share }: { readonly seed: number; readonly share: number },
): Promise<Place> {
  await using closing = new AsyncDisposableStack();
  const emulated = closing.use(await startEmulated());
  const moto = closing.use(await startMoto());
  process.env["AWS_ENDPOINT_URL_GLUE"] = moto.endpoint;
  closing.defer(() => void delete process.env["AWS_ENDPOINT_URL_GLUE"]);
  const { shown } = closing.use(await emulated.newLake("storm"));
  const opened = closing.use(await openAnyLake(shown, "write", systemClock));
  const proxied = async (name: string, upstream: string) =>
    closing.use(
      await startProxy(upstream, { random: createRandom(seed, name), share, deal: createDeal(folder, name) }),
    );
  const proxies = {
    aws: await proxied("proxy-of-s3-and-sqs", emulated.endpoint),
    glue: await proxied("proxy-of-glue", moto.endpoint),
  };
  const held = closing.move();
  return {
    opened,
    folder,
    catalogFile: undefined,
    env: {
      CATALOG: "glue",
      AWS_REGION: "us-east-1",
      AWS_ENDPOINT_URL: proxies.aws.endpoint,
      AWS_ENDPOINT_URL_GLUE: proxies.glue.endpoint,
    },
    isQuiet: async () => isQuiet(opened),
    copied: async () => copied(opened, join(folder, "copy")),
    storm: () => [proxies.aws, proxies.glue].forEach((proxy) => proxy.storm()),
    calm: () => [proxies.aws, proxies.glue].forEach((proxy) => proxy.calm()),
    [Symbol.asyncDispose]: async () => held.disposeAsync(),
  };
}

/** SQS counts approximately: it is believed when it says so three times. */
async function isQuiet(opened: OpenedLake): Promise<boolean> {
  for (const _look of [1, 2, 3]) {
    const depths = await Promise.all(pipelineRoles.map(async (role) => depthOf(opened, opened.queues[role].url)));
    if (depths.some(({ waiting, inHand }) => waiting + inHand > 0)) return false;
    await wait(300);
  }
  return true;
}

/** What is to be judged, as files. */
async function copied({ s3, topology: { buckets } }: OpenedLake, folder: string): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  for (const [bucket, prefix] of [
    [buckets.ops, "manifests/"],
    [buckets.silver, ""],
    [buckets.gold, ""],
  ] as const) {
    await mkdir(join(folder, bucket), { recursive: true });
    await mapBounded(await keysIn(s3, bucket, prefix), 8, async (key) => {
      const got = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      const file = join(folder, bucket, key);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, (await got.Body?.transformToByteArray()) ?? "");
    });
  }
  return folder;
}

async function keysIn(s3: OpenedLake["s3"], bucket: string, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  let token: string | undefined;
  do {
    const page = { Bucket: bucket, Prefix: prefix, ...(token === undefined ? {} : { ContinuationToken: token }) };
    const answer = await s3.send(new ListObjectsV2Command(page));
    keys.push(...(answer.Contents ?? []).map(({ Key: key = "" }) => key));
    token = answer.NextContinuationToken;
  } while (token !== undefined);
  return keys;
}
