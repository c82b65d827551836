import { createHash, randomBytes } from "node:crypto";
import { lookup } from "node:dns";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import type { RequestListener, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";

import { systemClock } from "@airlake/shared/clock";
import { TransientError } from "@airlake/shared/errors";
import { type Downloaded, type Limits, download } from "../src/download.ts";
import { openUrl } from "../src/fetch-url.ts";
import type { Refusal } from "../src/source-body.ts";
import { type SourceServer, breakOffAfter, etagOf, sendFile, startSourceServer } from "./source-server.ts";

const body = randomBytes(300_000);
const limits: Limits = { maxBytes: 1_000_000, idleMs: 10_000, totalMs: 20_000 };

interface Fixture {
  readonly server: SourceServer;
  readonly path: string;
  /** The waits between connections, which take no time here. */
  readonly waits: number[];
  run(changed?: Partial<Limits>, signal?: AbortSignal): Promise<Downloaded | Refusal>;
}

async function fixture(closing: AsyncDisposableStack, answer: RequestListener): Promise<Fixture> {
  const server = closing.use(await startSourceServer(answer));
  const folder = closing.adopt(await mkdtemp(join(tmpdir(), "airlake-test-")), async (made) =>
    rm(made, { recursive: true, force: true }),
  );
  const path = join(folder, "body");
  const waits: number[] = [];
  const clock = { ...systemClock, sleep: async (ms: number) => void waits.push(ms) };
  const open = openUrl({ resolve: lookup, mayReach: () => true, userAgent: "test" }, new URL(`${server.url}/day`));
  return {
    server,
    path,
    waits,
    run: async (changed = {}, signal = AbortSignal.timeout(25_000)) =>
      download({ open, clock, limits: { ...limits, ...changed }, shown: "the source" }, path, signal),
  };
}

/** Breaks off when the file has so many bytes. */
async function breakOff(path: string, response: ServerResponse, sentBytes: number): Promise<void> {
  const hasReceived = async (): Promise<void> =>
    vi.waitFor(async () => expect((await stat(path)).size).toBe(sentBytes), { timeout: 10_000, interval: 5 });
  await breakOffAfter(response, { body, sentBytes, hasReceived });
}

test("writes the bytes to the file, and tells their MD5", async () => {
  await using closing = new AsyncDisposableStack();
  const { run, path } = await fixture(closing, (request, response) => sendFile(request, response, body));

  const downloaded = await run();

  const md5 = createHash("md5").update(body).digest("hex");
  expect(downloaded).toEqual({ kind: "downloaded", sizeBytes: 300_000, md5, resumptions: 0 });
  expect(await readFile(path)).toEqual(body);
});

test("takes an empty body for an empty object", async () => {
  await using closing = new AsyncDisposableStack();
  const { run } = await fixture(closing, (_request, response) => void response.writeHead(200).end());

  expect(await run()).toMatchObject({ sizeBytes: 0, md5: "d41d8cd98f00b204e9800998ecf8427e" });
});

test("goes on where the connection broke, as long as it is the same object", async () => {
  await using closing = new AsyncDisposableStack();
  const { run, path, server, waits } = await fixture(closing, (request, response) => {
    if (server.requests.length === 1) return void breakOff(path, response, 100_000);
    if (server.requests.length === 2) return void response.writeHead(503).end();
    return sendFile(request, response, body);
  });

  const downloaded = await run();

  expect(downloaded).toMatchObject({ sizeBytes: 300_000, resumptions: 2 });
  expect(await readFile(path)).toEqual(body);
  expect(server.requests.at(-1)?.headers).toMatchObject({ range: "bytes=100000-", "if-range": etagOf(body) });
  expect(waits).toHaveLength(2);
});

test("begins anew where the object became another meanwhile, shorter or longer", async () => {
  await using closing = new AsyncDisposableStack();
  const shorter = randomBytes(5000);
  const { run, path, server } = await fixture(closing, (request, response) => {
    if (server.requests.length === 1) return void breakOff(path, response, 100_000);
    return sendFile(request, response, shorter);
  });

  const downloaded = await run();

  expect(downloaded).toMatchObject({ sizeBytes: 5000, md5: createHash("md5").update(shorter).digest("hex") });
  expect(await readFile(path)).toEqual(shorter);
});

test("does not go on without a strong ETag", async () => {
  await using closing = new AsyncDisposableStack();
  const { run, server } = await fixture(closing, (_request, response) => {
    response.writeHead(200, { "content-length": body.length, etag: 'W/"weak"' });
    response.write(body.subarray(0, 1000), () => response.socket?.end());
  });

  await expect(run()).rejects.toThrow(TransientError);
  expect(server.requests).toHaveLength(1);
});

test("goes on five times at most", async () => {
  await using closing = new AsyncDisposableStack();
  const { run, path, server } = await fixture(closing, (_request, response) => {
    void breakOff(path, response, server.requests.length * 1000);
  });

  await expect(run()).rejects.toThrow(TransientError);
  expect(server.requests).toHaveLength(6);
});

test("takes a chunked body that breaks off for broken", async () => {
  await using closing = new AsyncDisposableStack();
  const { run } = await fixture(closing, (_request, response) => {
    response.writeHead(200, { "transfer-encoding": "chunked" });
    response.write(body.subarray(0, 1000), () => response.socket?.end());
  });

  await expect(run()).rejects.toThrow(/broke off/);
});

test("refuses what is announced as too large before it reads a byte of it", async () => {
  await using closing = new AsyncDisposableStack();
  const { run } = await fixture(closing, (_request, response) => {
    response.writeHead(200, { "content-length": 1_000_001 }).flushHeaders();
  });

  const answer = await run();

  expect(answer).toMatchObject({ reason: "too-large", detail: expect.stringContaining("1000001 bytes") });
});

test("refuses what turns out to be too large, and takes what just fits", async () => {
  await using closing = new AsyncDisposableStack();
  const { run, path } = await fixture(closing, (_request, response) => {
    response.write(body);
    response.end();
  });

  expect(await run({ maxBytes: 299_999 })).toMatchObject({ kind: "refused", reason: "too-large" });
  await rm(path);
  expect(await run({ maxBytes: 300_000 })).toMatchObject({ kind: "downloaded" });
});

test("gives up a source that sends nothing, before and after its first byte", async () => {
  await using closing = new AsyncDisposableStack();
  const { run, path, server } = await fixture(closing, (_request, response) => {
    if (server.requests.length > 1) response.write("first");
  });

  await expect(run({ idleMs: 60 })).rejects.toThrow("the source sent nothing for 0.06 s");
  await rm(path);
  await expect(run({ idleMs: 60 })).rejects.toThrow("the source sent nothing for 0.06 s");
});

test("gives up a source that keeps dripping when its time is over", async () => {
  await using closing = new AsyncDisposableStack();
  const { run } = await fixture(closing, (_request, response) => {
    const drip = setInterval(() => response.write("."), 10);
    response.on("close", () => clearInterval(drip));
  });

  await expect(run({ totalMs: 200 })).rejects.toThrow("the source takes longer than allowed");
});

test("stops with its signal's reason, and does not go on then", async () => {
  await using closing = new AsyncDisposableStack();
  const stop = new AbortController();
  const { run, server } = await fixture(closing, (_request, response) => {
    response.writeHead(200, { etag: etagOf(body), "content-length": body.length });
    response.write(body.subarray(0, 1000), () => stop.abort(new TransientError("the worker is stopping")));
  });

  await expect(run({}, stop.signal)).rejects.toThrow("the worker is stopping");
  expect(server.requests).toHaveLength(1);
});
