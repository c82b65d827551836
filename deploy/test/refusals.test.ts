// What a service cannot start with: one line that says what to do, exit 1, no message taken. Processes as they run in production.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { topologyOf } from "@airlake/shared/contracts/topology";
import { type TestLake, createTestLake } from "@airlake/shared/testing/embedded-lake";

import { type Ended, type ServiceName, serviceNames, startProgram, startService } from "./processes/run-process.ts";
import { settingsFor } from "./processes/settings.ts";

const topology = topologyOf("");
const credentials = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
const nowhere = "http://127.0.0.1:1";
const s3Alone = { AWS_ENDPOINT_URL_S3: nowhere };
const sqsAlone = { AWS_ENDPOINT_URL_SQS: nowhere };
const glueAlone = { AWS_ENDPOINT_URL_GLUE: nowhere };

/** Starts a service that cannot start, and waits for its end. */
async function refusal(name: ServiceName, env: Readonly<Record<string, string>>): Promise<Ended> {
  return startService(name, { ...settingsFor(name, topology), ...env }).ended;
}

/** One sentence at level fatal, and nothing else: no stack. */
function sentenceOf({ code, lines, rest }: Ended): unknown {
  expect({ code, rest }).toEqual({ code: 1, rest: "" });
  expect(lines.map((line) => line["level"])).toEqual([60]);
  expect(lines[0]).not.toHaveProperty("err");
  return lines[0]?.["msg"];
}

/** An embedded lake with the queues of the pipeline. */
async function lakeWithQueues(buckets?: readonly string[]): Promise<TestLake> {
  const lake = await createTestLake(buckets);
  for (const { name, deadLetterName } of Object.values(topology.queues)) {
    await lake.queue(name);
    await lake.queue(deadLetterName);
  }
  return lake;
}

describe("settings", () => {
  const aws = { ...credentials, AWS_REGION: "us-east-1" };

  test.each([
    ["ingestor", "S3", s3Alone],
    ["cleaner", "SQS", sqsAlone],
    ["joiner", "S3 and Glue", { ...s3Alone, ...glueAlone }],
    ["catalog-sync", "Glue", glueAlone],
  ] as const)("of %s with an endpoint for %s alone are refused", async (name, _apis, endpoints) => {
    const ended = await refusal(name, { ...aws, ...endpoints });

    expect(sentenceOf(ended)).toMatch(
      /^wrong settings: set AWS_ENDPOINT_URL, or both .* some calls would go to real AWS$/u,
    );
  });

  test("of catalog-sync with endpoints for all but Glue are refused", async () => {
    const ended = await refusal("catalog-sync", { ...aws, ...s3Alone, ...sqsAlone });

    expect(sentenceOf(ended)).toMatch(/^wrong settings: set AWS_ENDPOINT_URL_GLUE; now the catalog's calls would go/u);
  });

  test("of catalog-sync with an embedded lake and AWS's own Glue are refused", async () => {
    await using lake = await lakeWithQueues();

    const ended = await refusal("catalog-sync", { ...aws, LAKE_FOLDER: lake.folder });

    expect(sentenceOf(ended)).toMatch(/^wrong settings: set AWS_ENDPOINT_URL_GLUE/u);
  });

  test("without a region are refused", async () => {
    const ended = await refusal("joiner", { ...credentials, AWS_ENDPOINT_URL: nowhere });

    expect(sentenceOf(ended)).toBe("wrong settings: set AWS_REGION, or LAKE_FOLDER for an embedded lake");
  });

  test("of the bootstrap are checked the same way", async () => {
    const start = async (env: Readonly<Record<string, string>>) =>
      startProgram("deploy/src/main.ts", { LAKE_PREFIX: "x", ...env }).ended;

    const half = await start({ ...aws, ...s3Alone, ...sqsAlone });
    const bare = await start({});
    const away = await start({ ...aws, AWS_ENDPOINT_URL: nowhere });

    expect(sentenceOf(half)).toMatch(/AWS_ENDPOINT_URL_SNS; now some calls would go to real AWS$/u);
    expect(sentenceOf(bare)).toMatch(/^wrong settings: AWS_REGION: /u);
    expect(sentenceOf(away)).toMatch(/does not answer: start it, or correct AWS_ENDPOINT_URL$/u);
  });
});

describe("an endpoint", () => {
  const aws = { AWS_REGION: "us-east-1", AWS_ENDPOINT_URL: nowhere };

  test.each(serviceNames)("that nothing listens on is named by %s", async (name) => {
    const ended = await refusal(name, { ...aws, ...credentials });

    expect(sentenceOf(ended)).toMatch(
      /^http:\/\/127\.0\.0\.1:1 does not answer when asked for the queue \w+ \(ECONNREFUSED\): start it, or correct AWS_ENDPOINT_URL/u,
    );
  });

  test.each(serviceNames)("is not asked by %s without credentials", async (name) => {
    const ended = await refusal(name, aws);

    expect(sentenceOf(ended)).toBe(
      "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the worker a role",
    );
  });

  test("that is silent is not waited for", async () => {
    await using endpoint = await startEndpoint("silence", "");

    const ended = await refusal("joiner", { ...aws, ...credentials, AWS_ENDPOINT_URL: endpoint.url });

    expect(sentenceOf(ended)).toMatch(/does not answer when asked for the queue join \(silent for 10 s\): start it/u);
  });

  test("that is silent does not keep SIGTERM from ending the start", async () => {
    await using endpoint = await startEndpoint("silence", "");
    const env = { ...settingsFor("joiner", topology), ...aws, ...credentials, AWS_ENDPOINT_URL: endpoint.url };
    await using joiner = startService("joiner", env);

    await endpoint.asked;
    joiner.stop();
    const { code, lines } = await joiner.ended;

    expect({ code, said: lines.map((line) => line["msg"]) }).toEqual({ code: 0, said: ["draining", "stopped"] });
  });

  test("that refuses the credentials is told apart from one that is away", async () => {
    await using endpoint = await startEndpoint(403, '{"__type":"com.amazon.coral.service#InvalidClientTokenId"}');

    const ended = await refusal("joiner", { ...aws, ...credentials, AWS_ENDPOINT_URL: endpoint.url });

    expect(sentenceOf(ended)).toMatch(
      /^the queue join refuses this worker \(InvalidClientTokenId, 403\): check its cred/u,
    );
  });
});

describe("a lake", () => {
  test.each([
    ["ingestor", "raw", "RAW_BUCKET"],
    ["cleaner", "silver", "SILVER_BUCKET"],
    ["joiner", "gold", "GOLD_BUCKET"],
    ["catalog-sync", "ops", "OPS_BUCKET"],
  ] as const)("without its bucket is refused by %s: %s", async (name, missing, variable) => {
    await using lake = await lakeWithQueues(["raw", "silver", "gold", "ops"].filter((bucket) => bucket !== missing));

    const ended = await refusal(name, { LAKE_FOLDER: lake.folder, AWS_ENDPOINT_URL_GLUE: nowhere });

    expect(sentenceOf(ended)).toBe(`there is no bucket ${missing}: create it first, or correct ${variable}`);
  });

  test.each([
    ["ingestor", "QUEUE"],
    ["cleaner", "NEXT_QUEUE"],
    ["joiner", "DEAD_LETTER_QUEUE"],
    ["catalog-sync", "QUEUE"],
  ] as const)("without a queue is refused by %s: %s", async (name, variable) => {
    await using lake = await lakeWithQueues();
    const glue = { AWS_ENDPOINT_URL_GLUE: nowhere };

    const ended = await refusal(name, { LAKE_FOLDER: lake.folder, ...glue, [variable]: "elsewhere" });

    expect(sentenceOf(ended)).toBe("there is no queue elsewhere: create it first, or correct the setting");
  });
});

test.each(serviceNames)("a port that is in use is named by %s, and no message is taken", async (name) => {
  await using lake = await lakeWithQueues();
  await using other = await startEndpoint(200, "");
  const queue = settingsFor(name, topology)["QUEUE"] ?? "";
  const queueUrl = await lake.queue(queue);
  await lake.send(queueUrl, "never received");

  const env = { LAKE_FOLDER: lake.folder, AWS_ENDPOINT_URL_GLUE: nowhere, PORT: String(other.port) };
  const ended = await refusal(name, env);

  expect(sentenceOf(ended)).toBe(`port ${other.port} is in use: set PORT to a free one`);
  expect((await lake.take(queueUrl)).map(({ body }) => body)).toEqual(["never received"]);
});

describe("without an endpoint", () => {
  test("a service means AWS itself, and the trap of these tests sees it", async () => {
    await using folder = await trapFolder();
    const env = { ...settingsFor("cleaner", topology), ...credentials, AWS_REGION: "eu-west-1" };

    const ended = await startService("cleaner", env, folder.file).ended;

    expect(sentenceOf(ended)).toMatch(/^AWS in eu-west-1 does not answer when asked for the queue clean/u);
    expect(await folder.reached()).toEqual(["sqs.eu-west-1.amazonaws.com:443"]);
  });
});

async function startEndpoint(status: number | "silence", body: string) {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const server = createServer((_request, response) => {
    resolve();
    if (status !== "silence") response.writeHead(status).end(body);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    /** The first request has come. */
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

async function trapFolder() {
  const folder = await mkdtemp(join(tmpdir(), "airlake-trap-"));
  const file = join(folder, "reached.txt");
  return {
    file,
    /** Every address that was asked for, once. */
    reached: async () => [...new Set((await readFile(file, "utf8")).trim().split("\n"))].toSorted(),
    [Symbol.asyncDispose]: async () => rm(folder, { recursive: true, force: true }),
  };
}
