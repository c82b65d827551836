/** What the tests do in a process of its own: `child.ts <action> <folder> <arguments…>`. Says things line by line. */
import { writeSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { Readable } from "node:stream";
import { CreateBucketCommand, DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { CreateQueueCommand } from "@aws-sdk/client-sqs";
import { systemClock as clock } from "../../src/clock.ts";
import { createEmbeddedObjects } from "../../src/embedded/objects.ts";
import { createEmbeddedQueues } from "../../src/embedded/queues.ts";
import { codeOf } from "../../src/errors.ts";
import { acknowledge, put, receive, receiveOne, sendText, textAt } from "../../src/testing/contract-clients.ts";
import type { ContractClients } from "../../src/testing/contract-clients.ts";

const [action = "", folder = "", ...rest] = process.argv.slice(2);

function say(line: string): void {
  // Not console.log: what was said must be out before the process is killed.
  writeSync(1, `${line}\n`);
}

/** Stops this process in the middle of what it does, until it is killed. */
function stopHere(): void {
  say("stopped");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
}

let isArmed = false;
const faults = { beforeCommit: () => (isArmed ? stopHere() : undefined) };

function connect(): ContractClients {
  const queues = createEmbeddedQueues({ folder, clock });
  return { s3: createEmbeddedObjects({ folder, queues, clock }, faults), sqs: queues };
}

async function ready(): Promise<void> {
  say("ready");
  for await (const line of process.stdin) if (String(line) !== "") return;
}

/** Whether a conditional write won. Nothing but the loss of its race may go wrong with it. */
async function won(write: Promise<unknown>): Promise<boolean> {
  const [result] = await Promise.allSettled([write]);
  if (result.status === "fulfilled") return true;
  if (result.reason instanceof Error && result.reason.name === "PreconditionFailed") return false;
  throw new Error("a race ended in another error than its loss", { cause: result.reason });
}

/** Creates numbered keys that a rival creates too; says which it won. */
async function create(clients: ContractClients, count: number): Promise<void> {
  await ready();
  for (let number = 0; number < count; number += 1) {
    const at = { bucket: "raw", key: `raced/${number}` };
    if (await won(put(clients, at, `${process.pid}`, { IfNoneMatch: "*" }))) say(`won ${number}`);
  }
}

/** Raises a counter by compare and swap. */
async function raise(clients: ContractClients, times: number): Promise<void> {
  await ready();
  for (let raised = 0; raised < times;) {
    const { Body, ETag } = await clients.s3.send(new GetObjectCommand({ Bucket: "raw", Key: "counter" }));
    const next = Number(await Body?.transformToString()) + 1;
    const at = { bucket: "raw", key: "counter" };
    if (await won(put(clients, at, String(next), { IfMatch: ETag }))) raised += 1;
  }
}

/** Takes messages from a queue until it is empty; says their bodies. */
async function drain(clients: ContractClients, queue: string): Promise<void> {
  await ready();
  for (;;) {
    const messages = await receive(clients, queue, { MaxNumberOfMessages: 3, WaitTimeSeconds: 0 });
    if (messages.length === 0) return;
    for (const message of messages) {
      await acknowledge(clients, queue, message);
      say(message.Body ?? "");
    }
  }
}

/** Begins an upload that never ends. */
async function upload(clients: ContractClients): Promise<void> {
  const endless = Readable.from(
    (async function* produce() {
      yield Buffer.alloc(1 << 20, "x");
      say("stopped");
      await wait(60_000);
      yield Buffer.alloc(1);
    })(),
  );
  await put(clients, { bucket: "raw", key: "endless" }, endless);
}

/** Streams many bytes in and out; says by how many MiB the process grew. */
async function stream(clients: ContractClients, mebibytes: number): Promise<void> {
  await put(clients, { bucket: "raw", key: "warm" }, Readable.from([Buffer.alloc(1 << 20)]));
  const before = process.resourceUsage().maxRSS;
  const chunks = Readable.from(
    (function* produce() {
      for (let sent = 0; sent < mebibytes; sent += 1) yield Buffer.alloc(1 << 20, sent % 251);
    })(),
  );
  await put(clients, { bucket: "raw", key: "large" }, chunks);
  const { Body } = await clients.s3.send(new GetObjectCommand({ Bucket: "raw", Key: "large" }));
  let bytes = 0;
  for await (const chunk of Body as Readable) bytes += (chunk as Buffer).length;
  say(`read ${bytes >> 20}, grew ${Math.round((process.resourceUsage().maxRSS - before) / 1024)}`);
}

/** Fills a small disk; says what became of each step. */
async function fill(): Promise<void> {
  const clients = connect();
  await clients.s3.send(new CreateBucketCommand({ Bucket: "raw" }));
  const { QueueUrl = "" } = await clients.sqs.send(new CreateQueueCommand({ QueueName: "q" }));
  const step = async (name: string, work: () => Promise<unknown>): Promise<boolean> => {
    const [result] = await Promise.allSettled([work()]);
    say(`${name}: ${result.status === "fulfilled" ? "done" : codeOf(result.reason)}`);
    return result.status === "fulfilled";
  };
  const list = async (): Promise<string> => {
    const { Contents = [] } = await clients.s3.send(new ListObjectsV2Command({ Bucket: "raw" }));
    return Contents.map(({ Key, Size }) => `${Key} ${Size}`).join(", ");
  };
  const large = Buffer.alloc(1 << 20, "x");
  await step("stream too large", () => put(clients, { bucket: "raw", key: "a" }, Readable.from(Array(20).fill(large))));
  await step("bytes too large", () => put(clients, { bucket: "raw", key: "a" }, Buffer.alloc(20 << 20)));
  await step("small", () => put(clients, { bucket: "raw", key: "small" }, "x"));
  let count = 0;
  while (count < 100 && (await step(`fill`, () => put(clients, { bucket: "raw", key: `f${count}` }, large))))
    count += 1;
  let sent = 0;
  while (sent < 500 && (await step("send", () => sendText(clients, QueueUrl, "x".repeat(60_000))))) sent += 1;
  await step("remove", () => clients.s3.send(new DeleteObjectCommand({ Bucket: "raw", Key: "f0" })));
  await step("send again", () => sendText(clients, QueueUrl, "x"));
  say(`list: ${await list()}`);
}

async function run(): Promise<void> {
  if (action === "fill") return fill();
  if (action === "open") return say(openCode());
  const clients = connect();
  const [first = "", second = ""] = rest;
  if (action === "create") return create(clients, Number(first));
  if (action === "raise") return raise(clients, Number(first));
  if (action === "drain") return drain(clients, first);
  if (action === "upload") return upload(clients);
  if (action === "stream") return stream(clients, Number(first));
  if (action === "hold") {
    await receiveOne(clients, first, { VisibilityTimeout: 1 });
    return stopHere();
  }
  isArmed = true;
  if (action === "put") await put(clients, { bucket: "raw", key: first }, second);
  if (action === "remove") await clients.s3.send(new DeleteObjectCommand({ Bucket: "raw", Key: first }));
  if (action === "heal") await textAt(clients, "raw", first);
}

function openCode(): string {
  try {
    connect();
    return "opened";
  } catch (error) {
    return codeOf(error) ?? String(error);
  }
}

await run();
process.exit(0);
