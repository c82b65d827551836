/** A simulated S3 with one source, the queues in front of its stages, and workers whose requests wait to be answered. */
import { sourceIdOf } from "../../src/contracts/keys.ts";
import type { StageName } from "../../src/contracts/keys.ts";
import type { Manifest } from "../../src/contracts/manifest.ts";
import type { Target } from "../../src/stage/types.ts";

export interface Bounds {
  /**
   * What happens to the source, one message each: X and Y are contents, `-` is a removal, `!` is bytes that are no good,
   * `=` is a message without a change, `r` one that a replay has sent: each `r` is another replay.
   */
  readonly script: string;
  readonly workers: number;
  /** Parts of one attempt. */
  readonly parts: number;
  /** With the next stage behind this one; its workers are the same. */
  readonly chained: boolean;
  readonly crashes: number;
  /** Messages that are handed to another worker while the first one goes on. */
  readonly expiries: number;
  /** Conditional PUTs that succeed and whose retry sees 412. */
  readonly lostAnswers: number;
  /** Requests that end with an error, done or not done. */
  readonly refusals: number;
}

export const noFaults: Bounds = {
  script: "X",
  workers: 2,
  parts: 1,
  chained: false,
  crashes: 0,
  expiries: 0,
  lostAnswers: 0,
  refusals: 0,
};

/** What a request asks for, in the protocol's words. */
export type Label =
  | "read manifest"
  | "read input"
  | "read part"
  | "intent"
  | "put part"
  | "commit"
  | "delete"
  | "announce"
  | "park"
  | "clear"
  | "look";

export interface Request {
  readonly label: Label;
  readonly conditional: boolean;
  readonly abortable: boolean;
  /** Does it, and gives the answer or the error that is the answer. */
  run(): Answer;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export type Answer = { readonly value: unknown; readonly seen: string } | { readonly error: Error };

export interface Message {
  readonly id: number;
  readonly stage: StageName;
  readonly replayId?: string;
}

export interface Worker {
  message: Message | undefined;
  /** False once its message may be with another. */
  own: boolean;
  dead: boolean;
  readonly abort: AbortController;
  requests: Request[];
  /** What it has seen in this round: with the code, that is its whole state. */
  seen: string[];
  /** Parts that it put when others had taken its intent over already. */
  readonly late: Set<string>;
}

export interface StoredObject {
  readonly etag: string;
  readonly body: string;
}

export interface World {
  readonly bounds: Bounds;
  readonly objects: Map<string, StoredObject>;
  readonly workers: Worker[];
  queue: Message[];
  script: string;
  readonly left: { crashes: number; expiries: number; lostAnswers: number; refusals: number };
  readonly next: { message: number; attempt: number; etag: number };
  /** The store's ETags depend on the content alone, as S3's do. */
  readonly etags: Map<string, string>;
  /** Parts that were named in an intent at some time. */
  readonly intended: Set<string>;
  /** Late parts of an attempt that then died: reconciliation's work. */
  readonly orphans: Set<string>;
  /** Messages that a stale receipt deleted while another worker held them. */
  readonly deleted: Set<number>;
  /** Outputs as the last announcement found them, and partitions that were not announced since they changed. */
  told: string;
  readonly untold: Set<string>;
  parked: number;
  /** Replays that were sent since the source last changed. */
  replays: number;
  /** Good outputs were there at a quiet moment, and the source was not removed since. */
  hasGood: boolean;
  /** An error that no worker should ever see. */
  broken: string | undefined;
}

export const source = { bucket: "raw", key: "toy/source" };
export const target: Target = { source, sourceId: sourceIdOf(source), dataset: "toy", correlationId: "c" };
export const rawKey = "raw/toy/source";

export function newWorld(bounds: Bounds): World {
  const { crashes, expiries, lostAnswers, refusals } = bounds;
  return {
    bounds,
    objects: new Map(),
    workers: Array.from({ length: bounds.workers }, newWorker),
    queue: [],
    script: bounds.script,
    left: { crashes, expiries, lostAnswers, refusals },
    next: { message: 1, attempt: 1, etag: 1 },
    etags: new Map(),
    intended: new Set(),
    orphans: new Set(),
    deleted: new Set(),
    told: "",
    untold: new Set(),
    parked: 0,
    replays: 0,
    hasGood: false,
    broken: undefined,
  };
}

export function newWorker(): Worker {
  return {
    message: undefined,
    own: true,
    dead: false,
    abort: new AbortController(),
    requests: [],
    seen: [],
    late: new Set(),
  };
}

export function manifestOf(world: World, stage: StageName): Manifest | undefined {
  const text = world.objects.get(`ops/${manifestKeyOf(stage)}`)?.body;
  return text === undefined ? undefined : parsed(text);
}

const parsedTexts = new Map<string, Manifest>();

/** Schedules that begin alike write the same manifests. */
export function parsed(text: string): Manifest {
  const manifest = parsedTexts.get(text) ?? (JSON.parse(text) as Manifest);
  if (parsedTexts.size > 20_000) parsedTexts.clear();
  parsedTexts.set(text, manifest);
  return manifest;
}

export function manifestKeyOf(stage: StageName): string {
  return `manifests/${stage}/toy/${target.sourceId}.json`;
}

export function send(world: World, stage: StageName, replayId?: string): void {
  const replayed = replayId === undefined ? {} : { replayId };
  world.queue.push({ id: world.next.message++, stage, ...replayed });
}

/** Puts an object, unconditionally. Gives its ETag. */
export function store(world: World, key: string, body: string): string {
  const etag = world.etags.get(body) ?? `"e${world.next.etag++}"`;
  world.etags.set(body, etag);
  world.objects.set(key, { etag, body });
  return etag;
}
