/** Two stages as small as can be: a source's one letter becomes parts, and the next stage makes its parts of those. */
import { GetObjectCommand, HeadObjectCommand } from "@aws-sdk/client-s3";

import type { Part } from "../../src/contracts/manifest.ts";
import type { ObjectStore } from "../../src/object-store.ts";
import type { ManifestStore } from "../../src/stage/manifest-store.ts";
import type { Attempt, PartFile, Stage, Wanted } from "../../src/stage/types.ts";
import { ask } from "./simulated-store.ts";
import { type Worker, type World, manifestOf, send, source, target } from "./world.ts";

export interface Toy extends AsyncDisposable {
  /** The source's content; for the second stage, the content of the part that it is to read. */
  readonly content: string;
  readonly partKey: string | undefined;
}

interface ToyDeps {
  readonly world: World;
  readonly worker: Worker;
  readonly s3: ObjectStore;
  readonly manifests: ManifestStore;
}

/** Content `!` is rejected, all else becomes parts that name it. */
export function toyCleaner(deps: ToyDeps): Stage<Toy> {
  const { world, s3 } = deps;
  const raw = { Bucket: source.bucket, Key: source.key };
  const { chained, parts } = world.bounds;
  return {
    name: "cleaner",
    async readInput(_target, signal) {
      const content = await unlessGone(async () => {
        const got = await s3.send(new GetObjectCommand(raw), { abortSignal: signal });
        return got.Body?.transformToString();
      });
      if (content === undefined) return { kind: "gone" };
      return { kind: "present", identity: { identity: content }, value: toy(content, undefined) };
    },
    async identityNow(_target, signal) {
      const head = await unlessGone(async () => s3.send(new HeadObjectCommand(raw), { abortSignal: signal }));
      return head === undefined ? "gone" : ([...world.etags].find(([, etag]) => etag === head.ETag)?.[0] ?? "");
    },
    fingerprint: async () => ({ text: "f", rulePack: 1 }),
    async work(_target, input, attempt) {
      const { content } = input.value;
      if (content === "!") return { kind: "rejected", reason: "no-good", detail: "no good" };
      return outputs(content, attempt, { bucket: chained ? "silver" : "gold", parts });
    },
    announce: async (_target, _manifest, partitions) => announce(deps, partitions),
  };
}

/** Reads the first stage's manifest, as the joiner does. */
export function toyJoiner(deps: ToyDeps): Stage<Toy> {
  const upstream = async () => {
    const manifest = (await deps.manifests.read("cleaner", target))?.manifest;
    return manifest?.counts === null ? undefined : manifest;
  };
  return {
    name: "joiner",
    async readInput() {
      const manifest = await upstream();
      if (manifest === undefined) return { kind: "gone" };
      const partKey = manifest.outputs[0]?.key;
      return {
        kind: "present",
        identity: { identity: String(manifest.generation) },
        value: toy(partKey?.split("/")[2]?.[0] ?? "", partKey),
      };
    },
    identityNow: async () => String((await upstream())?.generation ?? "gone"),
    fingerprint: async () => ({ text: "f", rulePack: null }),
    async work(_target, input, attempt) {
      const { content, partKey: Key } = input.value;
      if (Key === undefined) return outputs("", attempt, { bucket: "gold", parts: 0 });
      const got = await unlessGone(async () => deps.s3.send(new GetObjectCommand({ Bucket: "silver", Key })));
      return got === undefined ? { kind: "moved" } : outputs(content, attempt, { bucket: "gold", parts: 1 });
    },
    announce: async (_target, _manifest, partitions) => announce(deps, partitions),
  };
}

function toy(content: string, partKey: string | undefined): Toy {
  return { content, partKey, [Symbol.asyncDispose]: async () => {} };
}

function outputs(
  content: string,
  attempt: Attempt,
  made: { readonly bucket: Part["bucket"]; readonly parts: number },
): Wanted {
  const { bucket } = made;
  const files = Array.from({ length: made.parts }, (_, at): PartFile => {
    const key = `toy/${bucket}/${content}${at}.${attempt.generation}-${attempt.id}`;
    const part: Part = {
      bucket,
      key,
      rows: 1,
      bytes: 1,
      role: "clean",
      partition: bucket === "gold" ? `content=${content}` : "",
    };
    return { file: content, part };
  });
  const counts = { read: made.parts, kept: made.parts, quarantined: 0, reasons: {}, flags: {} };
  return { kind: "outputs", files, counts, format: null, referenceTime: null, timings: {} };
}

/** The message takes effect when it is handled; what it finds then is what the next stage knows. */
async function announce({ world, worker }: ToyDeps, partitions: readonly string[]): Promise<void> {
  const last = worker.message?.stage === "joiner" || !world.bounds.chained;
  const stage = worker.message?.stage ?? "cleaner";
  await ask(worker, {
    label: "announce",
    run: () => {
      if (last) {
        world.told = outputsText(world, stage);
        for (const partition of partitions) world.untold.delete(partition);
      } else {
        send(world, "joiner");
      }
      return { value: {}, seen: "" };
    },
  });
}

/** The outputs of a stage as its manifest names them now. */
export function outputsText(world: World, stage: "cleaner" | "joiner"): string {
  return (manifestOf(world, stage)?.outputs ?? []).map((part) => part.key).join();
}

async function unlessGone<T>(get: () => Promise<T>): Promise<T | undefined> {
  try {
    return await get();
  } catch (error) {
    if (error instanceof Error && error.name === "NoSuchKey") return undefined;
    throw error;
  }
}
