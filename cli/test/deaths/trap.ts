/**
 * Stands between a worker and its clients, names what each request is in the protocol's words and whose source it is about, and lets
 * some of them never happen. Only tests have it: a worker's main.ts opens its clients itself.
 */
import type { Clients } from "@airlake/shared/clients";
import { sourceIdOf } from "@airlake/shared/contracts/keys";
import { manifestSchema } from "@airlake/shared/contracts/manifest";

/** In the order of a round; which of them a round has depends on the stage and on the source. */
export type Step =
  | "read manifest"
  | "read input"
  | "read part"
  | "intent"
  | "put part"
  | "record failure"
  | "commit"
  | "delete"
  | "send"
  | "park"
  | "clear"
  | "look"
  | "acknowledge"
  | "receive"
  | "heartbeat";

/** What happens to one source's requests of one kind. */
export interface Snare {
  readonly key: string;
  readonly step: Step;
  /**
   * `stop`: it never happens. `refuse`: SlowDown, once; `always-refuse`. `hold`: it waits until it is released, or aborted. `late`: it waits
   * until it is released, and happens though it was aborted.
   */
  readonly how: "stop" | "refuse" | "always-refuse" | "hold" | "late";
  /** So many pass before. */
  readonly after?: number;
}

/** A receive, a heartbeat, or a request that came to its snare. */
export interface Caught {
  readonly key: string;
  readonly step: Step;
}

export interface Trap {
  around(clients: Clients): Clients;
  /** Lets go what is held, and holds nothing more. */
  release(): void;
}

type Send = (command: Command, options?: { readonly abortSignal?: AbortSignal }) => Promise<unknown>;
interface Command {
  readonly input: Readonly<Record<string, unknown>>;
}

/** `report` is told of every receive and heartbeat, and of each request that came to a snare. */
export function createTrap(worker: string, snares: readonly Snare[], report: (caught: Caught) => void): Trap {
  const witness = createWitness(worker, new Map(snares.map(({ key }) => [sourceIdOf({ bucket: "raw", key }), key])));
  const released = Promise.withResolvers<void>();
  const seen = new Map<string, number>();

  /** Says whether the request is to happen whatever its signal says. */
  const enter = async (key: string, step: Step, signal: AbortSignal | undefined): Promise<boolean> => {
    const count = (seen.get(`${key} ${step}`) ?? 0) + 1;
    seen.set(`${key} ${step}`, count);
    const snare = snares.find((one) => one.key === key && one.step === step && count > (one.after ?? 0));
    if (step === "receive" || step === "heartbeat" || snare !== undefined) report({ key, step });
    if (snare?.how === "stop") await new Promise(() => {});
    if (snare?.how === "hold") await Promise.race([released.promise, abortion(signal)]);
    if (snare?.how === "late") await released.promise;
    if (snare?.how === "always-refuse") throw slowDown();
    if (snare?.how === "refuse" && count === (snare.after ?? 0) + 1) throw slowDown();
    return snare?.how === "late";
  };
  const wrapped = (send: Send): Send => {
    return async (command, options) => {
      const about = witness.before(command);
      const isLate = about !== undefined && (await enter(about.key, about.step, options?.abortSignal));
      const answer = await send(command, isLate ? {} : options);
      for (const key of witness.after(answer)) await enter(key, "receive", undefined);
      return answer;
    };
  };
  return {
    around: (clients) => ({
      ...clients,
      s3: { send: wrapped(clients.s3.send.bind(clients.s3) as Send) as Clients["s3"]["send"] },
      sqs: { send: wrapped(clients.sqs.send.bind(clients.sqs) as Send) as Clients["sqs"]["send"] },
    }),
    release: () => released.resolve(),
  };
}

function slowDown(): Error {
  return Object.assign(new Error("slow down"), { name: "SlowDown", $metadata: { httpStatusCode: 503 } });
}

async function abortion(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => reject(Object.assign(new Error("Request aborted"), { name: "AbortError" }));
    if (signal?.aborted === true) abort();
    signal?.addEventListener("abort", abort, { once: true });
  });
}

interface Witness {
  before(command: Command): { readonly key: string; readonly step: Step } | undefined;
  /** The sources of the messages that an answer brings. */
  after(answer: unknown): readonly string[];
}

/** Knows what a request is about by its input alone, and by the messages and manifests that went through before. */
function createWitness(worker: string, keys: ReadonlyMap<string, string>): Witness {
  const receipts = new Map<string, string>();
  const attempts = new Map<string, string>();
  // Other things have 32 such characters too: an event names its object's ETag.
  const keyIn = (text: string): string | undefined =>
    (text.match(/[0-9a-f]{32}/g) ?? []).map((id) => keys.get(id)).find((key) => key !== undefined) ??
    [...keys.values()].find((key) => text.includes(key));
  return {
    before(command) {
      const { input } = command;
      const name = command.constructor.name.replace("Command", "");
      const receipt = receipts.get(String(input["ReceiptHandle"]));
      const key = receipt ?? keyIn(aboutOf(input));
      const step = stepOf(name, input, { worker, attempts });
      return key === undefined || step === undefined ? undefined : { key, step };
    },
    after(answer) {
      const { Messages: messages = [] } = answer as {
        readonly Messages?: readonly { readonly Body?: string; readonly ReceiptHandle?: string }[];
      };
      return messages.flatMap(({ Body: body = "", ReceiptHandle: handle = "" }) => {
        const key = keyIn(body);
        if (key !== undefined) receipts.set(handle, key);
        return key === undefined ? [] : [key];
      });
    },
  };
}

/** The part of a request that names its source. */
function aboutOf(input: Command["input"]): string {
  const { Key: key, Delete: deleted, MessageBody: message, Body: text } = input;
  const named = typeof key === "string" && key.startsWith("failures/") ? text : (key ?? message);
  return typeof named === "string" ? named : JSON.stringify(deleted ?? "");
}

interface Past {
  readonly worker: string;
  /** The last attempt that was to be committed to each manifest. */
  readonly attempts: Map<string, string>;
}

function stepOf(name: string, input: Command["input"], past: Past): Step | undefined {
  const [bucket, key] = [String(input["Bucket"]), String(input["Key"])];
  // The fuse of retractions is no step of a source's.
  if (key.startsWith("fuse/")) return undefined;
  switch (name) {
    case "GetObject":
      if (bucket === "raw") return "read input";
      return bucket === "silver" ? "read part" : readStep(key, past);
    case "HeadObject":
      return "look";
    case "PutObject":
      if (key.startsWith("failures/")) return "record failure";
      return bucket === "ops" ? manifestStep(key, String(input["Body"]), past) : "put part";
    case "DeleteObjects":
      return "delete";
    case "SendMessage":
      return String(input["QueueUrl"]).endsWith("-dlq") ? "park" : "send";
    case "DeleteMessage":
      return "acknowledge";
    case "ChangeMessageVisibility":
      return Number(input["VisibilityTimeout"]) > 0 ? "heartbeat" : undefined;
    default:
      return undefined;
  }
}

/** The joiner's input is the cleaner's manifest; once it has committed, it only looks at it again. */
function readStep(key: string, { worker, attempts }: Past): Step {
  if (key.startsWith(`manifests/${worker}/`)) return "read manifest";
  return attempts.has(key.replace("manifests/cleaner/", "manifests/joiner/")) ? "look" : "read input";
}

function manifestStep(key: string, text: string, { attempts }: Past): Step {
  const { attempt, pending } = manifestSchema.parse(JSON.parse(text));
  if (pending.length > 0) return "intent";
  const isKnown = attempts.get(key) === attempt;
  attempts.set(key, attempt);
  return isKnown ? "clear" : "commit";
}
