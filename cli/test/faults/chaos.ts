/**
 * Stands between a worker and its clients and does to them, by chance but from a seed, what networks, stores and queues do: throttles,
 * conflicts, time-outs, resets, lost answers, lost acknowledgements, half bodies, full disks, repeated and late messages, and
 * visibility that runs out in mid-work. Only this suite has it: a worker's main.ts opens its clients itself.
 */
import { Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";

import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import type { Clients } from "@airlake/shared/clients";

import { type Random, itemAt } from "../../src/sample/prng.ts";

type Send = (command: unknown, options?: unknown) => Promise<unknown>;

/** Clients that fail in a share of their requests: 0.05 is one in twenty. */
export function createChaos(random: Random, wanted: number): { around(clients: Clients): Clients } {
  // A worker that finds its store away at the start ends, in one line: that is its contract, and none of this suite's.
  let share = 0;
  const s3 =
    (send: Send): Send =>
    async (command, options) => {
      await delay(random, share);
      if (random.chance(share / 2)) throw refusalOf(command, random);
      const answer = await send(command, options);
      if (random.chance(share / 4)) throw reset("the answer was lost");
      return random.chance(share / 4) ? halved(answer) : answer;
    };
  const sqs =
    (send: Send): Send =>
    async (command, options) => {
      if (command instanceof ReceiveMessageCommand) share = wanted;
      else await delay(random, share);
      // What is lost is the request: the message comes again when its visibility is over.
      if (command instanceof DeleteMessageCommand && random.chance(share)) return { $metadata: {} };
      if (random.chance(share / 2)) throw refusalOf(command, random);
      const answer = await send(command, options);
      if (command instanceof SendMessageCommand && random.chance(share)) await send(command, options);
      if (command instanceof ReceiveMessageCommand && random.chance(share)) await shareOut(send, command, answer);
      if (!(command instanceof ReceiveMessageCommand) && random.chance(share / 4)) throw reset("the answer was lost");
      return answer;
    };
  return {
    around: (clients) => ({
      ...clients,
      s3: { send: s3(clients.s3.send.bind(clients.s3) as Send) as Clients["s3"]["send"] },
      sqs: { send: sqs(clients.sqs.send.bind(clients.sqs) as Send) as Clients["sqs"]["send"] },
    }),
  };
}

async function delay(random: Random, share: number): Promise<void> {
  if (random.chance(share)) await wait(random.below(400));
}

/** The visibility is over at once: somebody else gets the message, too. */
async function shareOut(send: Send, { input }: ReceiveMessageCommand, answer: unknown): Promise<void> {
  const { Messages: messages = [] } = answer as { readonly Messages?: readonly { readonly ReceiptHandle?: string }[] };
  for (const { ReceiptHandle } of messages)
    await send(new ChangeMessageVisibilityCommand({ QueueUrl: input.QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
}

/** A body that breaks off in its middle, as the stream of a connection that was reset. */
function halved(answer: unknown): unknown {
  const { Body: body, ContentLength: length } = answer as { readonly Body?: unknown; readonly ContentLength?: number };
  if (!(body instanceof Readable) || length === undefined || length < 2) return answer;
  let left = Math.floor(length / 2);
  const cut = Readable.from(
    (async function* pieces() {
      for await (const piece of body) {
        const bytes = Buffer.from(piece as Uint8Array).subarray(0, left);
        left -= bytes.length;
        yield bytes;
        if (left <= 0) throw reset("the body broke off");
      }
    })(),
    { objectMode: false },
  );
  const transformToString = async (): Promise<string> => {
    const pieces: Buffer[] = [];
    for await (const piece of cut) pieces.push(Buffer.from(piece as Uint8Array));
    return Buffer.concat(pieces).toString("utf8");
  };
  return { ...(answer as object), Body: Object.assign(cut, { transformToString }) };
}

function refusalOf(command: unknown, random: Random): Error {
  const refusals = [
    () => answered("SlowDown", 503),
    () => answered("RequestTimeout", 400),
    () => answered("InternalError", 500),
    () => answered("ThrottlingException", 429),
    () => reset("socket hang up"),
    () => Object.assign(new Error("timeout"), { name: "TimeoutError" }),
    ...(command instanceof PutObjectCommand ? [() => answered("ConditionalRequestConflict", 409), full] : []),
    ...(command instanceof GetObjectCommand ? [full] : []),
  ];
  return itemAt(refusals, random.below(refusals.length))();
}

function answered(name: string, httpStatusCode: number): Error {
  return Object.assign(new Error(name), { name, $metadata: { httpStatusCode } });
}

function reset(text: string): Error {
  return Object.assign(new Error(text), { code: "ECONNRESET" });
}

function full(): Error {
  return Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
}
