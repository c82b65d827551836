/**
 * Stands between a worker and its clients and does to them, by chance but from a seed, what networks, stores and queues do: throttles,
 * conflicts, time-outs, resets, lost answers, lost acknowledgements, half bodies, cut uploads, full disks, repeated and late messages,
 * and visibility that runs out in mid-work. Only this suite has it: a worker's main.ts opens its clients itself.
 */
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
import type { Deal } from "./dealt.ts";
import { cutUpload, diskFull, halved, refusal, reset, timeOut } from "./mishaps.ts";

type Send = (command: unknown, options?: unknown) => Promise<unknown>;

export interface ChaosDeps {
  readonly random: Random;
  readonly deal: Deal;
  /** The share of requests that go wrong: 0.05 is one in twenty. */
  readonly share: number;
  readonly visibilityMs: number;
  /** A message that is handed back is hidden for so long at the most; undefined: as its worker wishes. */
  readonly mostRetrySeconds: number | undefined;
}

/** How long a request or a message is late, at most. */
const lateMs = 400;
const lateMessageSeconds = 4;

export function createChaos(deps: ChaosDeps): { around(clients: Clients): Clients } {
  const { random } = deps;
  // A worker that finds its store away at the start ends, in one line: that is its contract, and none of this suite's.
  const weather = { share: 0, heartless: 0 };
  const strikes = (part: number, kind: string): boolean => {
    const does = random.chance(weather.share * part);
    if (does) deps.deal(kind);
    return does;
  };
  const given = { ...deps, weather, strikes };
  return {
    around: (clients) => ({
      ...clients,
      s3: { send: storeSend(given, clients.s3.send.bind(clients.s3) as Send) as Clients["s3"]["send"] },
      sqs: { send: queueSend(given, clients.sqs.send.bind(clients.sqs) as Send) as Clients["sqs"]["send"] },
    }),
  };
}

interface Given extends ChaosDeps {
  readonly weather: { share: number; heartless: number };
  /** Whether a fault is dealt now; it is noted. `part` is its part of the share. */
  readonly strikes: (part: number, kind: string) => boolean;
}

function storeSend(given: Given, send: Send): Send {
  const { strikes, weather, random } = given;
  return async (command, options) => {
    await delay(given);
    if (strikes(0.03, "visibility expired in mid-work")) await stall(given);
    if (random.chance(weather.share / 2)) throw mishapOf(command, given);
    if (command instanceof PutObjectCommand && strikes(0.25, "upload cut")) return cutUpload(command, send);
    const answer = await send(command, options);
    if (strikes(0.25, "answer of the store lost")) throw reset("the answer was lost");
    const half = command instanceof GetObjectCommand && strikes(0.25, "half an answer") ? halved(answer) : undefined;
    return half ?? answer;
  };
}

function queueSend(given: Given, send: Send): Send {
  const { strikes, weather, random } = given;
  return async (command, options) => {
    if (command instanceof ReceiveMessageCommand) weather.share = given.share;
    else await delay(given);
    if (command instanceof ChangeMessageVisibilityCommand && weather.heartless > 0) throw timeOut();
    // What is lost is the request: the message comes again when its visibility is over.
    if (command instanceof DeleteMessageCommand && strikes(1, "acknowledgement lost")) return { $metadata: {} };
    if (random.chance(weather.share / 2)) throw mishapOf(command, given);
    if (command instanceof SendMessageCommand) return sendMessage(given, command, async (one) => send(one, options));
    const answer = await send(sooner(given, command), options);
    if (command instanceof ReceiveMessageCommand) await shareOut(given, send, { command, answer });
    else if (strikes(0.25, "answer of the queue lost")) throw reset("the answer was lost");
    return answer;
  };
}

/** Renewals ask for the whole visibility; what asks for more, hands a message back. */
function sooner({ mostRetrySeconds = Infinity, visibilityMs }: Given, command: unknown): unknown {
  if (!(command instanceof ChangeMessageVisibilityCommand)) return command;
  const seconds = command.input.VisibilityTimeout ?? 0;
  if (seconds === visibilityMs / 1000 || seconds <= mostRetrySeconds) return command;
  return new ChangeMessageVisibilityCommand({ ...command.input, VisibilityTimeout: mostRetrySeconds });
}

/** Late, and so out of order; twice; or with its answer lost. */
async function sendMessage(
  { strikes, random }: Given,
  command: SendMessageCommand,
  send: (command: SendMessageCommand) => Promise<unknown>,
): Promise<unknown> {
  const late = (): SendMessageCommand =>
    new SendMessageCommand({ ...command.input, DelaySeconds: 1 + random.below(lateMessageSeconds) });
  const answer = await send(strikes(1, "message late, out of order") ? late() : command);
  if (strikes(1, "message repeated")) await send(random.chance(0.5) ? late() : command);
  if (strikes(0.25, "answer of the queue lost")) throw reset("the answer was lost");
  return answer;
}

async function delay({ random, strikes }: Given): Promise<void> {
  if (strikes(1, "request late")) await wait(random.below(lateMs));
}

/** A request takes longer than the message stays hidden, and no heartbeat gets through meanwhile. */
async function stall({ weather, visibilityMs }: Given): Promise<void> {
  weather.heartless += 1;
  try {
    await wait(visibilityMs * 1.3);
  } finally {
    weather.heartless -= 1;
  }
}

/** The queue gives the message to somebody else, too. */
async function shareOut(
  { strikes }: Given,
  send: Send,
  { command, answer }: { readonly command: ReceiveMessageCommand; readonly answer: unknown },
): Promise<void> {
  const { Messages: messages = [] } = answer as { readonly Messages?: readonly { readonly ReceiptHandle?: string }[] };
  const { QueueUrl } = command.input;
  for (const { ReceiptHandle } of messages)
    if (strikes(1, "message given to two"))
      await send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
}

function mishapOf(command: unknown, { random, deal }: Given): Error {
  const mishaps: readonly (readonly [kind: string, make: () => Error])[] = [
    ["503 SlowDown", () => refusal("SlowDown", 503)],
    ["400 RequestTimeout", () => refusal("RequestTimeout", 400)],
    ["500 InternalError", () => refusal("InternalError", 500)],
    ["429 ThrottlingException", () => refusal("ThrottlingException", 429)],
    ["connection reset", () => reset("socket hang up")],
    ["time-out", timeOut],
    ...(command instanceof PutObjectCommand
      ? ([["409 ConditionalRequestConflict", () => refusal("ConditionalRequestConflict", 409)]] as const)
      : []),
    ...(command instanceof PutObjectCommand || command instanceof GetObjectCommand
      ? ([["disk of the store full", diskFull]] as const)
      : []),
  ];
  const [kind, make] = itemAt(mishaps, random.below(mishaps.length));
  deal(kind);
  return make();
}
