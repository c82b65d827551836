/** The whole ingestor: a request on its queue, a web server on loopback, an embedded lake. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { DeleteMessageCommand } from "@aws-sdk/client-sqs";
import { expect, test, vi } from "vitest";

import type { Clients } from "@airlake/shared/clients";
import { failureRecordSchema } from "@airlake/shared/contracts/failure";
import type { IngestRequest } from "@airlake/shared/contracts/messages";
import { type TestLake, createTestLake } from "@airlake/shared/testing/embedded-lake";
import { type IngestorConfig, loadConfig } from "../src/config.ts";
import { start } from "../src/start.ts";
import { writeDatasets } from "./dataset-folder.ts";
import { type SourceServer, sendFile, startSourceServer } from "./source-server.ts";

const body = Buffer.from("place,mm\nGhent,12\n");

interface Fixture {
  readonly lake: TestLake;
  readonly server: SourceServer;
  readonly env: Readonly<Record<string, string>>;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  run(env?: Readonly<Record<string, string>>, clients?: Partial<Clients>): Promise<AsyncDisposable>;
  /** Sends a request for a path of the server. */
  ask(path: string, changed?: Partial<IngestRequest>): Promise<void>;
  /** Waits until a message about this key was settled so often, and gives the last line about it. */
  settled(key: string, times?: number): Promise<Readonly<Record<string, unknown>>>;
  raw(key: string): Promise<Buffer | undefined>;
}

async function fixture(closing: AsyncDisposableStack, answer: RequestListener): Promise<Fixture> {
  const lake = closing.use(await createTestLake());
  const server = closing.use(await startSourceServer(answer));
  const queueUrl = await lake.queue("ingest");
  const deadLetterQueueUrl = await lake.queue("ingest-dlq");
  const env = {
    QUEUE: "ingest",
    DEAD_LETTER_QUEUE: "ingest-dlq",
    OPS_BUCKET: "ops",
    RAW_BUCKET: "raw",
    DATASETS_FOLDER: await writeDatasets(join(lake.folder, "definitions")),
    SCRATCH_FOLDER: join(lake.folder, "scratch"),
    LAKE_FOLDER: lake.folder,
    WAIT_TIME_SECONDS: "1",
    ALLOW_PRIVATE_ADDRESSES: "true",
  };
  return {
    lake,
    server,
    env,
    queueUrl,
    deadLetterQueueUrl,
    run: async (changed = {}, clients = {}) => {
      const config: IngestorConfig = loadConfig({ ...env, ...changed });
      return closing.use(await start(config, { ...lake.clients, ...clients }));
    },
    ask: async (path, changed = {}) => {
      const request: IngestRequest = {
        contract: "ingest-request/1",
        connector: "object",
        from: `${server.url}${path}`,
        to: { bucket: "raw", key: "rain/day.csv" },
        unsigned: false,
        correlationId: "story-1",
        ...changed,
      };
      await lake.send(queueUrl, request);
    },
    settled: async (key, times = 1) =>
      vi.waitFor(
        () => {
          const lines = lake.lines.filter((line) => line["msg"] === "message settled" && line["key"] === key);
          expect(lines.length).toBeGreaterThanOrEqual(times);
          return lines.at(-1) ?? {};
        },
        { timeout: 20_000, interval: 20 },
      ),
    raw: async (key) => {
      try {
        const { Body: stored } = await lake.s3.send(new GetObjectCommand({ Bucket: "raw", Key: key }));
        return Buffer.from((await stored?.transformToByteArray()) ?? []);
      } catch (error) {
        if (error instanceof Error && error.name === "NoSuchKey") return undefined;
        throw error;
      }
    },
  };
}

/** Lets raw tell a queue what is created there; gives how often it told of a key, spelled as in events. */
async function listen(lake: TestLake): Promise<(key: string) => Promise<number>> {
  const queueUrl = await lake.queue("clean");
  const events = { QueueArn: "arn:aws:sqs:us-east-1:000000000000:clean", Events: ["s3:ObjectCreated:*" as const] };
  const configuration = { QueueConfigurations: [events] };
  await lake.s3.send(
    new PutBucketNotificationConfigurationCommand({ Bucket: "raw", NotificationConfiguration: configuration }),
  );
  return async (key) => (await lake.take(queueUrl)).filter((message) => message.body.includes(`"key":"${key}"`)).length;
}

async function failures(lake: TestLake): Promise<readonly unknown[]> {
  const { Contents: found = [] } = await lake.s3.send(new ListObjectsV2Command({ Bucket: "ops", Prefix: "failures/" }));
  return Promise.all(
    found.map(async ({ Key }) => {
      const { Body: stored } = await lake.s3.send(new GetObjectCommand({ Bucket: "ops", Key }));
      return failureRecordSchema.parse(JSON.parse((await stored?.transformToString()) ?? ""));
    }),
  );
}

/** Emptied folders stay for the next attempt. */
async function filesIn(folder = ""): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

test("brings an object into raw, byte for byte, and S3 tells the cleaner", async () => {
  await using closing = new AsyncDisposableStack();
  const bytes = randomBytes(3_000_000);
  const { lake, run, ask, settled, raw, env } = await fixture(closing, (request, response) => {
    sendFile(request, response, bytes);
  });
  const told = await listen(lake);

  await run();
  await ask("/day.csv.gz?signature=secret", { to: { bucket: "raw", key: "rain/2024/a b.csv.gz" } });

  expect(await settled("rain/2024/a b.csv.gz")).toMatchObject({
    outcome: "done",
    dataset: "rain",
    correlationId: "story-1",
    sizeBytes: 3_000_000,
    resumptions: 0,
  });
  expect(await raw("rain/2024/a b.csv.gz")).toEqual(bytes);
  expect(await told("rain/2024/a+b.csv.gz")).toBe(1);
  expect(await filesIn(env["SCRATCH_FOLDER"])).toEqual([]);
  expect(JSON.stringify(lake.lines)).not.toContain("secret");
});

test("writes nothing where raw has the same bytes, and the new ones where they changed", async () => {
  await using closing = new AsyncDisposableStack();
  let present = body;
  const { lake, run, ask, settled, raw } = await fixture(closing, (request, response) => {
    sendFile(request, response, present);
  });
  await run();
  await ask("/day.csv");
  await settled("rain/day.csv");
  const before = await lake.s3.send(new HeadObjectCommand({ Bucket: "raw", Key: "rain/day.csv" }));

  await ask("/day.csv");
  const second = await settled("rain/day.csv", 2);
  const after = await lake.s3.send(new HeadObjectCommand({ Bucket: "raw", Key: "rain/day.csv" }));
  // As many bytes as before, so that the size alone does not tell.
  present = Buffer.from("place,mm\nGhent,13\n");
  await ask("/day.csv");
  const third = await settled("rain/day.csv", 3);

  expect(second).toMatchObject({ outcome: "skipped", reason: "already-there", sizeBytes: body.length });
  expect(after.LastModified).toEqual(before.LastModified);
  expect(third).toMatchObject({ outcome: "done" });
  expect(await raw("rain/day.csv")).toEqual(present);
});

test("writes once where a request comes twice at the same time", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, run, ask, settled, raw, queueUrl, deadLetterQueueUrl } = await fixture(closing, (request, response) => {
    sendFile(request, response, body);
  });
  const told = await listen(lake);
  await ask("/day.csv");
  await ask("/day.csv");

  await run();
  await settled("rain/day.csv", 2);

  expect(await told("rain/day.csv")).toBe(1);
  expect(await raw("rain/day.csv")).toEqual(body);
  await vi.waitFor(async () => expect(await lake.depth(queueUrl)).toBe(0));
  expect(await lake.depth(deadLetterQueueUrl)).toBe(0);
});

test("parks a request for what is not there, with its failure record", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, run, ask, settled, raw, deadLetterQueueUrl } = await fixture(closing, (_request, response) => {
    response.writeHead(404).end("<h1>not here</h1>");
  });

  await run();
  await ask("/day.csv");

  expect(await settled("rain/day.csv")).toMatchObject({ outcome: "rejected", reason: "source-not-found" });
  const [parked] = await lake.take(deadLetterQueueUrl);
  expect(parked?.attributes).toMatchObject({
    reason: "source-not-found",
    failureKey: expect.stringMatching(/^failures\//),
  });
  expect(await failures(lake)).toEqual([
    expect.objectContaining({
      service: "ingestor",
      reason: "source-not-found",
      detail: expect.stringContaining("/day.csv is not there (HTTP 404)"),
      source: { bucket: "raw", key: "rain/day.csv" },
      correlationId: "story-1",
    }),
  ]);
  expect(await raw("rain/day.csv")).toBeUndefined();
});

test("writes nothing of a body that was cut off, and brings it at the next try", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, run, ask, settled, raw, server } = await fixture(closing, (request, response) => {
    if (server.requests.length > 1) return sendFile(request, response, body);
    response.writeHead(200, { "content-length": body.length + 1 });
    return void response.write(body, () => response.socket?.end());
  });

  await run();
  await ask("/day.csv");

  expect(await settled("rain/day.csv")).toMatchObject({ outcome: "done", receiveCount: 2 });
  expect(lake.lines).toContainEqual(expect.objectContaining({ msg: "message failed", reason: "transient" }));
  expect(await raw("rain/day.csv")).toEqual(body);
});

test("reaches no private address unless it is allowed to", async () => {
  await using closing = new AsyncDisposableStack();
  const { run, ask, settled, server, lake } = await fixture(closing, (request, response) => {
    sendFile(request, response, body);
  });

  await run({ ALLOW_PRIVATE_ADDRESSES: "false" });
  await ask("/day.csv", { to: { bucket: "raw", key: "rain/by-address.csv" } });
  const from = `http://localhost:${server.port}/day.csv`;
  await ask("", { from, to: { bucket: "raw", key: "rain/by-name.csv" } });

  expect(await settled("rain/by-address.csv")).toMatchObject({ outcome: "rejected", reason: "private-address" });
  expect(await settled("rain/by-name.csv")).toMatchObject({ outcome: "rejected", reason: "private-address" });
  expect(server.requests).toHaveLength(0);
  expect(await failures(lake)).toHaveLength(2);
});

test("rejects what is too large", async () => {
  await using closing = new AsyncDisposableStack();
  const { run, ask, settled, raw } = await fixture(closing, (request, response) => sendFile(request, response, body));

  await run({ MAX_OBJECT_BYTES: String(body.length - 1) });
  await ask("/day.csv");

  expect(await settled("rain/day.csv")).toMatchObject({ outcome: "rejected", reason: "too-large" });
  expect(await raw("rain/day.csv")).toBeUndefined();
});

test.each([
  ["raw", "nowhere/day.csv", "unknown-dataset"],
  ["raw", "day.csv", "unknown-dataset"],
  ["ops", "rain/day.csv", "foreign-bucket"],
  ["raw", "rain/../ops/day.csv", "bad-key"],
  ["raw", "rain//day.csv", "bad-key"],
  ["raw", "/rain/day.csv", "unknown-dataset"],
])("rejects a request for %s/%.20s", async (bucket, key, reason) => {
  await using closing = new AsyncDisposableStack();
  const { run, ask, settled, server } = await fixture(closing, (_request, response) => void response.end());

  await run();
  await ask("/day.csv", { to: { bucket, key } });

  expect(await settled(key)).toMatchObject({ outcome: "rejected", reason });
  expect(server.requests).toHaveLength(0);
});

test("parks what is no request", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, run, queueUrl, deadLetterQueueUrl } = await fixture(closing, (_request, response) => {
    response.end();
  });

  await run();
  await lake.send(queueUrl, "no JSON");
  await lake.send(queueUrl, { contract: "clean-ready/1" });

  await vi.waitFor(async () => expect(await lake.depth(deadLetterQueueUrl)).toBe(2), { timeout: 10_000 });
  expect(await failures(lake)).toEqual([
    expect.objectContaining({ reason: "unreadable-message" }),
    expect.objectContaining({ reason: "unreadable-message" }),
  ]);
});

test("finds its own work done where it died before it could acknowledge", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, run, ask, settled, raw } = await fixture(closing, (request, response) => {
    sendFile(request, response, body);
  });
  let lost = 0;
  const send = async (command: unknown, ...rest: readonly unknown[]): Promise<unknown> => {
    lost += command instanceof DeleteMessageCommand ? 1 : 0;
    if (command instanceof DeleteMessageCommand && lost === 1) throw new Error("the process is gone");
    return Reflect.apply(lake.sqs.send, lake.sqs, [command, ...rest]);
  };
  const sqs = { send: send as Clients["sqs"]["send"] };

  await run({ VISIBILITY_TIMEOUT_SECONDS: "2" }, { sqs });
  await ask("/day.csv");

  expect(await settled("rain/day.csv", 2)).toMatchObject({
    outcome: "skipped",
    reason: "already-there",
    receiveCount: 2,
  });
  expect(await raw("rain/day.csv")).toEqual(body);
});

test("tries again where the lake's store throttles", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, run, ask, settled, raw } = await fixture(closing, (request, response) => {
    sendFile(request, response, body);
  });
  let puts = 0;
  const send = async (command: unknown, ...rest: readonly unknown[]): Promise<unknown> => {
    puts += command instanceof PutObjectCommand ? 1 : 0;
    if (command instanceof PutObjectCommand && puts === 1) {
      throw Object.assign(new Error("Please reduce your request rate."), { name: "SlowDown" });
    }
    return Reflect.apply(lake.s3.send, lake.s3, [command, ...rest]);
  };
  const s3 = { send: send as Clients["s3"]["send"] };

  await run({}, { s3 });
  await ask("/day.csv");

  expect(await settled("rain/day.csv")).toMatchObject({ outcome: "done", receiveCount: 2 });
  expect(await raw("rain/day.csv")).toEqual(body);
});

test("does not write over what another has brought meanwhile", async () => {
  await using closing = new AsyncDisposableStack();
  const newer = Buffer.from("place,mm\nGhent,99\n");
  const { lake, run, ask, settled, raw, server } = await fixture(closing, (request, response) => {
    if (server.requests.length > 1) return sendFile(request, response, newer);
    const put = new PutObjectCommand({ Bucket: "raw", Key: "rain/day.csv", Body: newer });
    return void lake.s3.send(put).then(() => sendFile(request, response, body));
  });

  await run();
  await ask("/day.csv");

  expect(await settled("rain/day.csv")).toMatchObject({ outcome: "skipped", reason: "already-there", receiveCount: 2 });
  expect(await raw("rain/day.csv")).toEqual(newer);
});

test("keeps its message while a source is slower than the visibility", async () => {
  await using closing = new AsyncDisposableStack();
  const { run, ask, settled, raw, server } = await fixture(closing, (request, response) => {
    setTimeout(() => sendFile(request, response, body), 2500);
  });

  await run({ VISIBILITY_TIMEOUT_SECONDS: "1" });
  await ask("/day.csv");

  expect(await settled("rain/day.csv")).toMatchObject({ outcome: "done", receiveCount: 1 });
  expect(await raw("rain/day.csv")).toEqual(body);
  expect(server.requests).toHaveLength(1);
});

test("hands a message back that is still in hand when the drain is over, with nothing written", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, run, ask, raw, server, queueUrl, env } = await fixture(closing, (_request, response) => {
    response.writeHead(200, { "content-length": body.length }).flushHeaders();
  });
  const running = await run({ DRAIN_TIMEOUT_SECONDS: "1" });
  await ask("/day.csv");
  await vi.waitFor(() => expect(server.requests).toHaveLength(1), { timeout: 10_000 });

  await running[Symbol.asyncDispose]();

  expect(await lake.take(queueUrl)).toHaveLength(1);
  expect(await raw("rain/day.csv")).toBeUndefined();
  expect(await filesIn(env["SCRATCH_FOLDER"])).toEqual([]);
});

test("ends what it has in hand on SIGTERM, takes nothing more, and exits 0", async () => {
  await using closing = new AsyncDisposableStack();
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const { lake, ask, raw, queueUrl, env } = await fixture(closing, (request, response) => {
    asked.resolve();
    void release.promise.then(() => sendFile(request, response, body));
  });
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  const child = spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "inherit"] });
  closing.defer(() => void child.kill("SIGKILL"));
  let output = "";
  child.stdout.on("data", (text) => void (output += String(text)));
  const exited = once(child, "exit");
  await ask("/day.csv");
  await asked.promise;

  child.kill("SIGTERM");
  await vi.waitFor(() => expect(output).toContain('"draining"'), { timeout: 10_000 });
  await ask("/next.csv", { to: { bucket: "raw", key: "rain/next.csv" } });
  release.resolve();

  expect(await exited).toEqual([0, null]);
  expect(await raw("rain/day.csv")).toEqual(body);
  expect(await lake.depth(queueUrl)).toBe(1);
});

test("leaves nothing in raw when it is killed, and does the work at the next start", async () => {
  await using closing = new AsyncDisposableStack();
  const asked = Promise.withResolvers<void>();
  const { ask, run, raw, settled, server, env } = await fixture(closing, (request, response) => {
    if (server.requests.length > 1) return sendFile(request, response, body);
    response.writeHead(200, { "content-length": body.length });
    response.write(body.subarray(0, 5));
    return asked.resolve();
  });
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  const child = spawn(process.execPath, [main], { env: { ...env, VISIBILITY_TIMEOUT_SECONDS: "2" }, stdio: "ignore" });
  const exited = once(child, "exit");
  await ask("/day.csv");
  await asked.promise;

  child.kill("SIGKILL");
  await exited;
  const afterwards = await raw("rain/day.csv");
  await run();

  expect(afterwards).toBeUndefined();
  expect(await settled("rain/day.csv")).toMatchObject({ outcome: "done", receiveCount: 2 });
  expect(await raw("rain/day.csv")).toEqual(body);
});

test("reads s3:// from the endpoint that it is given, unsigned", async () => {
  await using closing = new AsyncDisposableStack();
  const { run, ask, settled, raw, server } = await fixture(closing, (request, response) => {
    sendFile(request, response, body);
  });

  await run({ SOURCE_S3_ENDPOINT_URL: server.url });
  await ask("", { from: "s3://open-data/a/day.csv", unsigned: true });

  expect(await settled("rain/day.csv")).toMatchObject({ outcome: "done", from: "s3://open-data/a/day.csv" });
  expect(await raw("rain/day.csv")).toEqual(body);
  expect(server.requests[0]?.url).toBe("/open-data/a/day.csv?x-id=GetObject");
  expect(server.requests[0]?.headers).not.toHaveProperty("authorization");
});

test("an older request that comes late does not overwrite what a later one has brought", async () => {
  await using closing = new AsyncDisposableStack();
  let isDown = true;
  const { lake, ask, run, settled, raw } = await fixture(closing, (request, response) => {
    if (request.url === "/new") return void response.end("new");
    if (isDown) response.statusCode = 503;
    response.end("old");
  });
  await run();
  await ask("/old");
  await vi.waitFor(() => expect(lake.lines.some(({ msg }) => msg === "message failed")).toBe(true), {
    timeout: 20_000,
  });

  await ask("/new");
  await settled("rain/day.csv");
  isDown = false;

  expect(await settled("rain/day.csv", 2)).toMatchObject({ outcome: "skipped", reason: "overtaken" });
  expect((await raw("rain/day.csv"))?.toString()).toBe("new");
});

test("a later request overwrites what an earlier one has brought, also after a restart", async () => {
  await using closing = new AsyncDisposableStack();
  const { ask, run, settled, raw } = await fixture(closing, (request, response) => {
    response.end(request.url === "/new" ? "new" : "old");
  });
  {
    await using _first = await run();
    await ask("/old");
    await settled("rain/day.csv");
  }

  await run();
  await ask("/new");

  expect(await settled("rain/day.csv", 2)).toMatchObject({ outcome: "done" });
  expect((await raw("rain/day.csv"))?.toString()).toBe("new");
});
