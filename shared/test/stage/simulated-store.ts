/** The store's side: what each request of the protocol does to the simulated world. */
import type { StageName } from "../../src/contracts/keys.ts";
import type { ObjectStore } from "../../src/object-store.ts";
import { type Answer, type Label, type Worker, type World, manifestKeyOf, parsed, store } from "./world.ts";

interface Input {
  readonly Bucket: string;
  readonly Key: string;
  readonly Body?: { toString(): string };
  readonly IfMatch?: string;
  readonly IfNoneMatch?: string;
  readonly Delete?: { readonly Objects: readonly { readonly Key: string }[] };
}

/** An S3 client for one worker: each request waits until the search lets it happen. */
export function storeOf(world: World, worker: Worker): ObjectStore {
  const request = async (
    command: { readonly input: Input },
    options: { readonly abortSignal?: AbortSignal } = {},
  ): Promise<unknown> => {
    const { input } = command;
    const verb = command.constructor.name.replace("Command", "");
    const conditional = input.IfMatch !== undefined || input.IfNoneMatch !== undefined;
    const run = (): Answer => execute(world, worker, verb, input);
    return ask(worker, { label: labelOf(world, verb, input), conditional, abortSignal: options.abortSignal, run });
  };
  return { send: request as unknown as ObjectStore["send"] };
}

/** Leaves a request with a worker until it is answered. */
export async function ask(
  worker: Worker,
  asked: {
    readonly label: Label;
    readonly conditional?: boolean;
    readonly abortSignal?: AbortSignal | undefined;
    run(): Answer;
  },
): Promise<unknown> {
  const { label, conditional = false, abortSignal, run } = asked;
  if (abortSignal?.aborted === true) throw simulatedError("AbortError");
  return new Promise((resolve, reject) => {
    if (!worker.dead)
      worker.requests.push({ label, conditional, abortable: abortSignal !== undefined, run, resolve, reject });
  });
}

function labelOf(world: World, verb: string, input: Input): Label {
  if (verb === "HeadObject") return "look";
  if (verb === "DeleteObjects") return "delete";
  if (verb === "GetObject")
    return input.Bucket === "ops" ? "read manifest" : input.Bucket === "raw" ? "read input" : "read part";
  if (input.Bucket !== "ops") return "put part";
  const after = parsed(textOf(input));
  const base = [...world.etags].find(([, etag]) => etag === input.IfMatch)?.[0];
  const before = base === undefined ? { generation: 0, pending: [] } : parsed(base);
  if (after.generation > before.generation) return "commit";
  return after.pending.length > before.pending.length ? "intent" : "clear";
}

function execute(world: World, worker: Worker, verb: string, input: Input): Answer {
  const key = `${input.Bucket}/${input.Key}`;
  const found = world.objects.get(key);
  switch (verb) {
    case "GetObject":
    case "HeadObject": {
      if (found === undefined) return { error: simulatedError("NoSuchKey", 404) };
      const { body, etag } = found;
      return {
        value: { ETag: etag, Body: { transformToString: async () => body } },
        seen: `${etag} ${essence(key, body, world)}`,
      };
    }
    case "PutObject":
      return put(world, worker, input, key);
    case "DeleteObjects":
      for (const { Key } of input.Delete?.Objects ?? []) world.objects.delete(`${input.Bucket}/${Key}`);
      return { value: {}, seen: "" };
    default:
      throw new Error(`the simulated store does not know ${verb}`);
  }
}

function put(world: World, worker: Worker, input: Input, key: string): Answer {
  const found = world.objects.get(key);
  const fails =
    (input.IfNoneMatch === "*" && found !== undefined) ||
    (input.IfMatch !== undefined && found?.etag !== input.IfMatch);
  if (fails) return { error: simulatedError("PreconditionFailed", 412) };
  const body = textOf(input);
  if (input.Bucket === "ops") noteManifest(world, found?.body, body);
  else if (world.intended.has(input.Key) && !isIntended(world, input.Key)) worker.late.add(key);
  const ETag = store(world, key, body);
  return { value: { ETag }, seen: ETag };
}

function textOf({ Body: body = "" }: Input): string {
  return body.toString();
}

/** What a commit gives and takes away is to be announced; what an intent names is to be remembered. */
function noteManifest(world: World, before: string | undefined, after: string): void {
  for (const { key } of parsed(after).pending) world.intended.add(key);
  const [was, is] = [before, after].map((text) => (text === undefined ? [] : parsed(text).outputs));
  const changed = [...(was ?? []), ...(is ?? [])].filter(
    ({ key }) => !was?.some((part) => part.key === key) || !is?.some((part) => part.key === key),
  );
  for (const { partition } of changed) if (partition !== "") world.untold.add(partition);
}

function isIntended(world: World, key: string): boolean {
  const stages: readonly StageName[] = ["cleaner", "joiner"];
  return stages.some((stage) => {
    const text = world.objects.get(`ops/${manifestKeyOf(stage)}`)?.body;
    return text !== undefined && parsed(text).pending.some((part) => part.key === key);
  });
}

const essences = new Map<string, string>();

/** An object's text without what no worker looks at; equal ones lead to equal futures. */
export function essence(key: string, body: string, world: World): string {
  if (!key.startsWith("ops/")) return body;
  const known = essences.get(body);
  if (known !== undefined) return known;
  const manifest = parsed(body);
  const { state, attempt, input, outputs, pending, debris, rejection, counts } = manifest;
  // A stage's generation is what the next stage reads.
  const generation = world.bounds.chained ? manifest.generation : 0;
  const keys = [outputs, pending, debris].map((parts) => parts.map((part) => part.key));
  const text = JSON.stringify([
    state,
    attempt,
    generation,
    input?.identity,
    keys,
    rejection?.parked,
    rejection?.replayId,
    counts === null,
  ]);
  if (essences.size > 50_000) essences.clear();
  essences.set(body, text);
  return text;
}

/** An error as the SDK throws it; without a status it never reached the store, or its answer never came. */
export function simulatedError(name: string, httpStatusCode?: number): Error {
  const { stackTraceLimit } = Error;
  // Its stack would be most of a step's time.
  Error.stackTraceLimit = 0;
  const error = new Error(name);
  Error.stackTraceLimit = stackTraceLimit;
  return Object.assign(error, { name, ...(httpStatusCode === undefined ? {} : { $metadata: { httpStatusCode } }) });
}
