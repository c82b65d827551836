/** A lake on an endpoint: what tests put in, and what came out of it. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { GetQueueAttributesCommand, GetQueueUrlCommand, SQSClient, SendMessageCommand } from "@aws-sdk/client-sqs";
import { expect } from "vitest";
import type { StageName } from "@airlake/shared/contracts/keys";
import { type Manifest, manifestSchema } from "@airlake/shared/contracts/manifest";
import { type QueueRole, type Topology, queueRoles } from "@airlake/shared/contracts/topology";

export interface RemoteLake extends Disposable {
  readonly topology: Topology;
  readonly s3: S3Client;
  readonly sqs: SQSClient;
  /** Returns the ETag. */
  put(key: string, body: string | Uint8Array): Promise<string>;
  remove(key: string): Promise<void>;
  /** Sends the cleaner a pointer to a source. */
  look(key: string): Promise<void>;
  send(role: QueueRole, body: unknown): Promise<void>;
  /** Messages of a queue: visible, in flight and delayed. */
  depth(role: QueueRole, kind?: "work" | "dead"): Promise<number>;
  /** Waits until none of these queues holds a message, and holds none still a moment later. */
  quietOf(roles: readonly QueueRole[], timeoutMs: number): Promise<void>;
  /** Every manifest of a stage, by the key of its source. */
  manifests(stage: StageName): Promise<ReadonlyMap<string, Manifest>>;
  /** Parts that lie in silver or gold and that no manifest names. */
  unnamed(): Promise<readonly string[]>;
  /** Brings the parts of a role that manifests name into a folder; returns the paths. */
  download(role: "clean" | "gold", folder: string): Promise<readonly string[]>;
}

/** An emulator sends a bucket's events a moment after the write that they tell of. */
const quietLooks = 4;
const lookEveryMs = 150;

export function openRemoteLake(endpoint: string, topology: Topology): RemoteLake {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const client = { endpoint, region: "us-east-1", credentials };
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  const sqs = new SQSClient({ ...client, useQueueUrlAsEndpoint: false });
  const { raw, silver, gold, ops } = topology.buckets;

  const urlOf = async (role: QueueRole, kind: "work" | "dead" = "work"): Promise<string> => {
    const { name, deadLetterName } = topology.queues[role];
    const found = await sqs.send(new GetQueueUrlCommand({ QueueName: kind === "work" ? name : deadLetterName }));
    return found.QueueUrl ?? "";
  };
  const depth: RemoteLake["depth"] = async (role, kind) => {
    const asked = new GetQueueAttributesCommand({ QueueUrl: await urlOf(role, kind), AttributeNames: ["All"] });
    const { Attributes: found = {} } = await sqs.send(asked);
    const { ApproximateNumberOfMessages: visible, ApproximateNumberOfMessagesNotVisible: inFlight } = found;
    return Number(visible ?? 0) + Number(inFlight ?? 0) + Number(found.ApproximateNumberOfMessagesDelayed ?? 0);
  };
  const list = async (bucket: string, prefix = ""): Promise<readonly string[]> => {
    const keys: string[] = [];
    let after: string | undefined;
    do {
      const token = after === undefined ? {} : { ContinuationToken: after };
      const page = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ...token }));
      keys.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ""));
      after = page.NextContinuationToken;
    } while (after !== undefined);
    return keys;
  };
  const manifests: RemoteLake["manifests"] = async (stage) => {
    const keys = await list(ops, `manifests/${stage}/`);
    const read = keys.map(async (Key) => {
      const got = await s3.send(new GetObjectCommand({ Bucket: ops, Key }));
      return manifestSchema.parse(JSON.parse((await got.Body?.transformToString()) ?? ""));
    });
    return new Map((await Promise.all(read)).map((manifest) => [manifest.source.key, manifest]));
  };
  const outputs = async () => {
    const all = [...(await manifests("cleaner")).values(), ...(await manifests("joiner")).values()];
    return all.flatMap((manifest) => manifest.outputs);
  };

  return {
    topology,
    s3,
    sqs,
    depth,
    manifests,
    put: async (Key, Body) => (await s3.send(new PutObjectCommand({ Bucket: raw, Key, Body }))).ETag ?? "",
    remove: async (Key) => void (await s3.send(new DeleteObjectCommand({ Bucket: raw, Key }))),
    look: async (key) => {
      const pointer = { contract: "source-changed/1", source: { bucket: raw, key }, correlationId: "look" };
      const MessageBody = JSON.stringify(pointer);
      await sqs.send(new SendMessageCommand({ QueueUrl: await urlOf("clean"), MessageBody }));
    },
    send: async (role, body) =>
      void (await sqs.send(new SendMessageCommand({ QueueUrl: await urlOf(role), MessageBody: JSON.stringify(body) }))),
    quietOf: async (roles, timeoutMs) => {
      let looks = 0;
      const poll = async (): Promise<number> => {
        const held = await Promise.all(roles.map(async (role) => depth(role)));
        looks = held.every((count) => count === 0) ? looks + 1 : 0;
        return looks;
      };
      await expect.poll(poll, { timeout: timeoutMs, interval: lookEveryMs }).toBeGreaterThanOrEqual(quietLooks);
    },
    unnamed: async () => {
      const named = new Set((await outputs()).map(({ bucket, key }) => `${bucket}/${key}`));
      const inSilver = (await list(silver)).map((key) => `silver/${key}`);
      const inGold = (await list(gold)).map((key) => `gold/${key}`);
      return [...inSilver, ...inGold].filter((path) => !named.has(path) && !path.startsWith("gold/reference/"));
    },
    download: async (role, folder) => {
      const parts = (await outputs()).filter((part) => part.role === role);
      return Promise.all(
        parts.map(async ({ bucket, key }) => {
          const got = await s3.send(new GetObjectCommand({ Bucket: topology.buckets[bucket], Key: key }));
          const path = join(folder, key);
          await mkdir(dirname(path), { recursive: true });
          await writeFile(path, (await got.Body?.transformToByteArray()) ?? "");
          return path;
        }),
      );
    },
    [Symbol.dispose]: () => [s3, sqs].forEach((one) => one.destroy()),
  };
}

/** Messages in every dead-letter queue. */
export async function parked(lake: RemoteLake): Promise<number> {
  const held = await Promise.all(queueRoles.map(async (role) => lake.depth(role, "dead")));
  return held.reduce((sum, count) => sum + count, 0);
}
