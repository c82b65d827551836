/** The port of a worker, asked over HTTP: what it says to machines, and the page it shows to people. */
import { readFile } from "node:fs/promises";
import { expect, test, vi } from "vitest";

import type { Clients } from "../../src/clients.ts";
import { TransientError } from "../../src/errors.ts";
import { type TestLake, createTestLake } from "../../src/testing/embedded-lake.ts";
import { freePort } from "../../src/testing/free-port.ts";
import type { Handle } from "../../src/worker/hand.ts";
import { startConsuming } from "../../src/worker/start-consuming.ts";

interface Fixture {
  readonly lake: TestLake;
  readonly queueUrl: string;
  start(handle: Handle, clients?: Partial<Clients>): Promise<AsyncDisposable>;
  /** The status of the answer. */
  ask(path: string, request: RequestInit): Promise<number>;
  get(path: string): Promise<{ readonly status: number; readonly type: string; readonly text: string }>;
}

async function fixture(closing: AsyncDisposableStack): Promise<Fixture> {
  const lake = closing.use(await createTestLake());
  const queueUrl = await lake.queue("in");
  await lake.queue("in-dlq");
  const port = await freePort();
  const settings = {
    QUEUE: "in",
    DEAD_LETTER_QUEUE: "in-dlq",
    OPS_BUCKET: "ops",
    PORT: port,
    HOST: "127.0.0.1",
    VISIBILITY_TIMEOUT_SECONDS: 30,
    ATTEMPT_DEADLINE_SECONDS: 60,
    DRAIN_TIMEOUT_SECONDS: 10,
    WAIT_TIME_SECONDS: 20,
    SCRATCH_FOLDER: `${lake.folder}/scratch`,
    LOG_LEVEL: "info" as const,
    LAKE_FOLDER: lake.folder,
  };
  return {
    lake,
    queueUrl,
    start: async (handle, clients = {}) =>
      closing.use(
        await startConsuming(settings, { ...lake.clients, ...clients }, { name: "tester", concurrency: 2, handle }),
      ),
    async ask(path, request) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, request);
      await answer.arrayBuffer();
      return answer.status;
    },
    async get(path) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      return { status: answer.status, type: answer.headers.get("content-type") ?? "", text: await answer.text() };
    },
  };
}

const told = { contract: "source-changed/1", source: { bucket: "raw", key: "d/<b>&.csv" }, correlationId: "story-1" };

test("shows what is in hand, and then what became of it, to machines and to people", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, start, get } = await fixture(closing);
  const { promise: latch, resolve: open } = Promise.withResolvers<void>();
  await start(async () => {
    await latch;
    return { kind: "rejected", reason: "no-good", detail: "line 7 <script>alert(1)</script>", parked: true };
  });
  await lake.send(queueUrl, told);

  await vi.waitFor(async () => {
    const { hands } = JSON.parse((await get("/status")).text);
    expect(hands).toEqual([expect.objectContaining({ key: "d/<b>&.csv", correlationId: "story-1" })]);
  });
  expect((await get("/")).text).toContain("d/&lt;b&gt;&amp;.csv");
  open();
  await vi.waitFor(async () => expect(JSON.parse((await get("/status")).text)).toMatchObject({ inHand: 0 }));

  expect(JSON.parse((await get("/status")).text)).toMatchObject({
    name: "tester",
    state: "ready",
    outcomes: { rejected: 1 },
    lastMinute: 1,
    queue: { visible: 0, inFlight: 0, delayed: 0 },
    last: [expect.objectContaining({ outcome: "rejected", key: "d/<b>&.csv", correlationId: "story-1" })],
  });
  const page = await get("/");
  expect(page).toMatchObject({ status: 200, type: "text/html; charset=utf-8" });
  expect(page.text).toContain("no-good: line 7 &lt;script&gt;alert(1)&lt;/script&gt;");
  expect(page.text).not.toContain("<script");
});

test("names one story on every line about a message, also where it fails", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, start } = await fixture(closing);
  await start(async () => {
    throw new TransientError("the store is away");
  });

  await lake.send(queueUrl, told);

  const line = { msg: "message failed", correlationId: "story-1", key: "d/<b>&.csv", receiveCount: 1 };
  await vi.waitFor(() => expect(lake.lines).toContainEqual(expect.objectContaining(line)));
});

test("stays ready, but says that it is degraded, while message after message fails", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, start, get } = await fixture(closing);
  const state = { away: true };
  await start(async () => {
    if (state.away) throw new TransientError("the catalog is away");
    return { kind: "done", facts: {} };
  });
  for (let at = 0; at < 3; at += 1) await lake.send(queueUrl, told);

  const degraded = ["the last 3 messages failed and stay on the queue; the newest: the catalog is away"];
  await vi.waitFor(async () => {
    const answer = await get("/health/ready");
    expect({ ...answer, body: JSON.parse(answer.text) }).toMatchObject({
      status: 200,
      body: { status: "degraded", reasons: [], degraded },
    });
  });
  expect((await get("/metrics")).text).toMatch(/airlake_failures_in_a_row\{service="tester"\} 3/);
  expect((await get("/")).text).toContain(degraded[0]);

  state.away = false;
  const body = { status: "ready", reasons: [], degraded: [] };
  await vi.waitFor(async () => expect(JSON.parse((await get("/health/ready")).text)).toEqual(body), 20_000);
});

test("turns not ready while it drains, and says so", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, start, get } = await fixture(closing);
  const { promise: latch, resolve: open } = Promise.withResolvers<void>();
  const worker = await start(async () => {
    await latch;
    return { kind: "done", facts: {} };
  });
  await lake.send(queueUrl, told);
  await vi.waitFor(async () => expect(JSON.parse((await get("/status")).text)).toMatchObject({ inHand: 1 }));

  const stopped = worker[Symbol.asyncDispose]();

  const answer = await get("/health/ready");
  expect([answer.status, JSON.parse(answer.text)]).toMatchObject([503, { status: "not ready", reasons: ["draining"] }]);
  open();
  await stopped;
});

test("names the queue and the bucket that have been silent for a minute", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, start, get } = await fixture(closing);
  let aheadMs = 0;
  const clock = { ...lake.clients.clock, monotonicMs: () => performance.now() + aheadMs };
  await start(async () => ({ kind: "done", facts: {} }), { clock });

  aheadMs = 61_000;

  const { status, text } = await get("/health/ready");
  expect([status, JSON.parse(text)]).toMatchObject([
    503,
    {
      status: "not ready",
      reasons: [
        expect.stringMatching(/^the queue in has not answered for 6\d s$/),
        expect.stringMatching(/^the bucket ops has not answered for 6\d s$/),
      ],
    },
  ]);
});

test("gives metrics by the names that Prometheus expects", async () => {
  await using closing = new AsyncDisposableStack();
  const { lake, queueUrl, start, get } = await fixture(closing);
  await start(async () => ({ kind: "done", facts: {} }));
  await lake.send(queueUrl, told);
  await vi.waitFor(async () => expect(await lake.depth(queueUrl)).toBe(0));

  const { type, text } = await get("/metrics");

  expect(type).toContain("text/plain");
  expect(text).toContain('airlake_messages_total{outcome="done",service="tester"} 1');
  expect(text).toContain('airlake_queue_messages{queue="in",state="visible",service="tester"} 0');
  expect(text).toContain('airlake_queue_messages{queue="in-dlq",state="in_flight",service="tester"} 0');
  expect(text).toContain('process_cpu_seconds_total{service="tester"}');
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", kind = ""]) => ({ name, kind }));
  const own = types.filter(({ name }) => name.startsWith("airlake_"));
  expect(own.length).toBeGreaterThan(5);
  for (const { name, kind } of own) expect(name.endsWith("_total")).toBe(kind === "counter");
  const runbook = await readFile(new URL("../../../docs/runbook.md", import.meta.url), "utf8");
  expect(own.filter(({ name }) => !runbook.includes(`\`${name}`))).toEqual([]);
});

test("takes no body and no long header, and answers on", async () => {
  await using closing = new AsyncDisposableStack();
  const { start, ask, get } = await fixture(closing);
  await start(async () => ({ kind: "done", facts: {} }));

  const small = await ask("/status", { method: "POST", body: "x".repeat(1024) });
  const large = await ask("/status", { method: "POST", body: "x".repeat(1025) });
  const long = await ask("/status", { headers: { "x-long": "x".repeat(17_000) } });

  expect([small, large, long]).toEqual([404, 413, 431]);
  expect(await get("/health/live")).toMatchObject({ status: 200 });
});
