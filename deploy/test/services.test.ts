// The four services as processes of their own, on emulators of S3, SQS and Glue.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetPartitionsCommand, GlueClient } from "@aws-sdk/client-glue";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectVersionsCommand,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { SNSClient } from "@aws-sdk/client-sns";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Topology, topologyOf } from "@airlake/shared/contracts/topology";
import { createLogger } from "@airlake/shared/logger";
import {
  type Emulator,
  containerReason,
  localStackImage,
  motoImage,
  startLocalStack,
  startMoto,
} from "@airlake/shared/testing/containers";

import { bootstrap } from "../src/bootstrap.ts";
import { type RemoteLake, openRemoteLake, parked } from "./lake/remote-lake.ts";
import { freePort } from "@airlake/shared/testing/free-port";
import { type Running, type ServiceName, serviceNames, startService } from "./processes/run-process.ts";
import { settingsFor } from "./processes/settings.ts";

const reason = containerReason(localStackImage) ?? containerReason(motoImage);
const header = "location,city,country,utc,local,parameter,value,unit,latitude,longitude,attribution";
const day = `${header}\nA,A,BE,2018-02-06T05:00:00Z,2018-02-06T06:00:00+01:00,pm25,7,µg/m³,50.6,5.6,\n`;
const key = "openaq/day.csv";

describe.skipIf(reason !== undefined)(
  `services on emulators${reason === undefined ? "" : ` (skipped: ${reason})`}`,
  () => {
    let localStack: Emulator;
    let moto: Emulator;
    let folder: string;
    beforeAll(async () => {
      [localStack, moto] = await Promise.all([startLocalStack(), startMoto()]);
      folder = await mkdtemp(join(tmpdir(), "airlake-services-"));
    }, 200_000);
    afterAll(async () => {
      await rm(folder, { recursive: true, force: true });
      await Promise.all([localStack[Symbol.asyncDispose](), moto[Symbol.asyncDispose]()]);
    });

    async function newLake(prefix: string): Promise<RemoteLake> {
      const lake = openRemoteLake(localStack.endpoint, topologyOf(prefix));
      const sns = new SNSClient(localStack.clientConfig);
      await bootstrap(
        { ...lake, sns, log: createLogger("bootstrap", { level: "silent", version: "" }) },
        lake.topology,
      );
      sns.destroy();
      return lake;
    }

    const environment = (name: ServiceName, topology: Topology): Readonly<Record<string, string>> => ({
      ...settingsFor(name, topology),
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_ENDPOINT_URL: localStack.endpoint,
      AWS_ENDPOINT_URL_GLUE: moto.endpoint,
      SCRATCH_FOLDER: join(folder, topology.buckets.ops, name),
      VISIBILITY_TIMEOUT_SECONDS: "30",
      WAIT_TIME_SECONDS: "1",
      DRAIN_TIMEOUT_SECONDS: "10",
    });

    test("send nothing to AWS itself, whatever the machine is set to", async () => {
      using lake = await newLake("trapped");
      const configFile = join(folder, "aws-config");
      await writeFile(configFile, "[default]\nendpoint_url = https://elsewhere.invalid\nregion = eu-west-3\n");
      const misleading = { AWS_CONFIG_FILE: configFile, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" };
      const local = [localStack, moto].map(({ endpoint }) => new URL(endpoint).host.replace("localhost", "127.0.0.1"));
      const TRAP_HOSTS = local.map((host) => host.replace(/:\d+$/, "")).join(",");
      const trapFile = join(folder, "reached.txt");
      await lake.s3.send(new CreateBucketCommand({ Bucket: "outside" }));
      await lake.s3.send(new PutObjectCommand({ Bucket: "outside", Key: "day.csv", Body: day }));
      const running = serviceNames.map((name) =>
        startService(name, { ...environment(name, lake.topology), ...misleading, TRAP_HOSTS }, trapFile),
      );

      await lake.send("ingest", {
        contract: "ingest-request/1",
        connector: "object",
        from: "s3://outside/day.csv",
        to: { bucket: lake.topology.buckets.raw, key },
        unsigned: false,
        correlationId: "trapped",
      });
      await expect.poll(async () => partitionsIn(moto), { timeout: 90_000 }).toEqual([["BE", "2018", "02"]]);
      await lake.quietOf(["ingest", "clean", "join", "catalog"], 20_000);
      running.forEach((service) => service.stop());
      const ended = await Promise.all(running.map(async (service) => service.ended));

      expect(ended.map(({ code, rest }) => ({ code, rest }))).toEqual(serviceNames.map(() => ({ code: 0, rest: "" })));
      expect(ended.map(({ lines }) => lines.at(-1)?.["msg"])).toEqual(serviceNames.map(() => "stopped"));
      const reached = new Set((await readFile(trapFile, "utf8")).trim().split("\n"));
      expect([...reached].toSorted()).toEqual(local.toSorted());
    }, 240_000);

    test("are not ready while a bucket is gone, take nothing out of the lake, and go on when it is back", async () => {
      using lake = await newLake("vanishing");
      const { raw } = lake.topology.buckets;
      const port = await freePort();
      const env = { ...environment("cleaner", lake.topology), PORT: String(port) };
      await using cleaner = startService("cleaner", env);
      await lake.put(key, day);
      await lake.quietOf(["clean"], 40_000);
      const before = await lake.manifests("cleaner");
      expect(before.get(key)).toMatchObject({ state: "current", counts: { kept: 1 } });

      await vanish(lake, raw);
      await lake.look(key);

      const gone = { status: "not ready", reasons: [`there is no bucket ${raw}`] };
      await expect.poll(async () => ready(port), { timeout: 40_000 }).toMatchObject({ status: 503, body: gone });
      await expect.poll(() => failuresOf(cleaner), { timeout: 20_000 }).toBeGreaterThan(0);
      expect(await lake.manifests("cleaner")).toEqual(before);
      expect(await lake.download("clean", folder)).toHaveLength(1);
      expect([await lake.depth("clean"), await parked(lake)]).toEqual([1, 0]);

      await lake.s3.send(new CreateBucketCommand({ Bucket: raw }));
      await lake.put(key, `${day}B,B,BE,2018-02-06T05:00:00Z,2018-02-06T06:00:00+01:00,pm25,8,µg/m³,50.6,5.6,\n`);
      await lake.look(key);

      const back = { status: 200, body: { status: "ready", reasons: [] } };
      await expect.poll(async () => ready(port), { timeout: 40_000 }).toMatchObject(back);
      await lake.quietOf(["clean"], 60_000);
      expect((await lake.manifests("cleaner")).get(key)).toMatchObject({ state: "current", counts: { kept: 2 } });
      cleaner.stop();
      expect((await cleaner.ended).code).toBe(0);
    }, 240_000);
  },
);

async function partitionsIn(moto: Emulator): Promise<readonly unknown[]> {
  const glue = new GlueClient(moto.clientConfig);
  try {
    const found = await glue.send(new GetPartitionsCommand({ DatabaseName: "openaq", TableName: "measurements" }));
    return (found.Partitions ?? []).map(({ Values }) => Values);
  } catch (error) {
    if (error instanceof Error && error.name === "EntityNotFoundException") return [];
    throw error;
  } finally {
    glue.destroy();
  }
}

/** The bucket goes without a word to the queue, as when somebody else deletes it. */
async function vanish({ s3 }: RemoteLake, Bucket: string): Promise<void> {
  await s3.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration: {} }));
  const { Versions: versions = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
  const Objects = versions.map(({ Key, VersionId }) => ({ Key, VersionId }));
  await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  await s3.send(new DeleteBucketCommand({ Bucket }));
}

async function ready(port: number): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${port}/health/ready`);
  return { status: answer.status, body: await answer.json() };
}

function failuresOf(service: Running): number {
  return service.lines().filter((line) => line["msg"] === "message failed").length;
}
