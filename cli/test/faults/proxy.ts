/**
 * A proxy between workers and the AWS APIs, on real connections: it throttles, conflicts, stays silent, resets, loses answers, breaks
 * answers and uploads off in their middle. From a seed. Loopback only.
 */
import { Agent, type IncomingMessage, type Server, type ServerResponse, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

import type { Random } from "../../src/sample/prng.ts";
import type { Deal } from "./dealt.ts";

export interface Proxy extends AsyncDisposable {
  readonly endpoint: string;
  /** From now on things go wrong; before, everything goes through. */
  storm(): void;
  calm(): void;
}

export interface ProxyOptions {
  readonly random: Random;
  readonly deal: Deal;
  /** The share of requests that begin a bad spell. */
  readonly share: number;
}

const faults = [
  "throttled",
  "conflict",
  "silent",
  "reset before",
  "answer lost",
  "answer broken off",
  "upload broken off",
  "late",
] as const;
type Fault = (typeof faults)[number];

/** The SDK itself tries three times: a spell often outlasts it. */
const longestSpell = 5;
const lateMs = 500;
/** A connection on which nothing comes, until somebody between has enough of it. */
const silentMs = 4000;

export async function startProxy(upstream: string, options: ProxyOptions): Promise<Proxy> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const spells = createSpells(options);
  const server = createServer((asked, answer) => {
    const broken = (): void => void asked.socket.destroy();
    void pass({ asked, answer, upstream, agent }, spells.faultFor(asked), options).catch(broken);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    storm: () => spells.set(true),
    calm: () => spells.set(false),
    [Symbol.asyncDispose]: async () => close(server, agent),
  };
}

async function close(server: Server, agent: Agent): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  agent.destroy();
  await closed;
}

/** What goes wrong goes wrong a few times in turn: the same request, tried again, meets the same fault. */
function createSpells({ random, share, deal }: ProxyOptions): {
  faultFor(asked: IncomingMessage): Fault | undefined;
  set(isStorm: boolean): void;
} {
  const spells = new Map<string, { readonly fault: Fault; left: number }>();
  let isStorm = false;
  return {
    faultFor(asked) {
      if (!isStorm) return undefined;
      const what = `${asked.method} ${asked.headers["x-amz-target"]?.toString() ?? ""} ${asked.url}`;
      const spell = spells.get(what);
      if (spell === undefined && !random.chance(share)) return undefined;
      const current = spell ?? { fault: random.pick(faults), left: 1 + random.below(longestSpell) };
      current.left -= 1;
      if (current.left > 0) spells.set(what, current);
      else spells.delete(what);
      deal(`proxy: ${current.fault}`);
      return current.fault;
    },
    set: (wanted) => {
      isStorm = wanted;
    },
  };
}

interface Exchange {
  readonly asked: IncomingMessage;
  readonly answer: ServerResponse;
  readonly upstream: string;
  readonly agent: Agent;
}

async function pass(exchange: Exchange, fault: Fault | undefined, { random }: ProxyOptions): Promise<void> {
  const { asked, answer } = exchange;
  if (fault === "reset before") return void asked.socket.resetAndDestroy();
  if (fault === "silent") {
    await wait(silentMs);
    return void asked.socket.resetAndDestroy();
  }
  const body = await bytesOf(asked);
  if (fault === "throttled") return refuse(exchange, 503, "SlowDown");
  if (fault === "conflict") return refuse(exchange, 409, "ConditionalRequestConflict");
  if (fault === "late") await wait(random.below(lateMs));
  if (fault === "upload broken off") {
    await sendHalf(exchange, body);
    return void asked.socket.resetAndDestroy();
  }
  const got = await forward(exchange, body);
  if (fault === "answer lost") return void asked.socket.resetAndDestroy();
  answer.writeHead(got.status, got.headers);
  if (fault !== "answer broken off" || asked.method === "HEAD") return void answer.end(got.body);
  answer.write(got.body.subarray(0, got.body.length / 2));
  // What was written is to leave first.
  await wait(20);
  asked.socket.resetAndDestroy();
}

/** In the words of S3, or of the APIs that speak JSON. */
function refuse({ asked, answer }: Exchange, status: number, code: string): void {
  if (asked.headers["x-amz-target"] === undefined) {
    answer.writeHead(status, { "content-type": "application/xml" });
    answer.end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
    return;
  }
  answer.writeHead(503, { "content-type": "application/x-amz-json-1.0" });
  answer.end(JSON.stringify({ __type: "ServiceUnavailable", message: "try again" }));
}

interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Buffer;
}

async function forward({ asked, upstream, agent }: Exchange, body: Buffer): Promise<Got> {
  const { promise, resolve, reject } = Promise.withResolvers<Got>();
  const options = { method: asked.method, headers: asked.headers, agent };
  const sent = request(new URL(asked.url ?? "/", upstream), options, (got) => {
    bytesOf(got).then((bytes) => {
      const headers = Object.entries(got.headers).filter(([name]) => name !== "transfer-encoding");
      // HEAD tells a length, and brings nothing.
      const length = asked.method === "HEAD" ? [] : [["content-length", String(bytes.length)] as const];
      const all = Object.fromEntries([...headers, ...length].map(([name, value]) => [name, value ?? ""]));
      resolve({ status: got.statusCode ?? 502, headers: all, body: bytes });
    }, reject);
  });
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

/** The store is told the whole length, gets half of the bytes, and then nothing more. */
async function sendHalf({ asked, upstream }: Exchange, body: Buffer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const sent = request(new URL(asked.url ?? "/", upstream), { method: asked.method, headers: asked.headers });
  sent.on("error", () => resolve());
  sent.on("response", (got) => {
    got.resume();
    resolve();
  });
  sent.write(body.subarray(0, body.length / 2));
  await wait(50);
  sent.destroy();
  return promise;
}

async function bytesOf(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(Buffer.from(piece as Uint8Array));
  return Buffer.concat(pieces);
}
