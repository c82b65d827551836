/** One set of files in two lakes: the one of the containers and an embedded one, which says what the first must come to. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { Manifest } from "@airlake/shared/contracts/manifest";
import { queueRoles, topologyOf } from "@airlake/shared/contracts/topology";

import { differences } from "../lake/gold-rows.ts";
import { type RemoteLake, openRemoteLake } from "../lake/remote-lake.ts";
import { type EmbeddedLake, createEmbeddedLake } from "./embedded-run.ts";
import { type Stack, createStack } from "./stack.ts";

export interface BothLakes extends AsyncDisposable {
  readonly stack: Stack;
  readonly lake: RemoteLake;
  readonly embedded: EmbeddedLake;
  /** Puts a file into the containers' raw bucket, and remembers it for the embedded lake. */
  put(name: string, body: Body): Promise<void>;
  remove(name: string): Promise<void>;
  /** Waits until the containers have nothing left to do, and brings the embedded lake in line with the same files. */
  settle(timeoutMs: number): Promise<void>;
  /** After `settle`: manifests and gold rows of both lakes are the same, and nothing else lies in the containers' lake. */
  expectSame(): Promise<void>;
}

type Body = string | Uint8Array;

/** Starts nothing yet. Disposing takes everything away. */
export async function createBothLakes(profiles: readonly "sql"[] = []): Promise<BothLakes> {
  await using closing = new AsyncDisposableStack();
  const folder = closing.adopt(await mkdtemp(join(tmpdir(), "airlake-compose-")), async (made) =>
    rm(made, { recursive: true, force: true }),
  );
  const embedded = createEmbeddedLake(join(folder, "embedded"));
  const stack = closing.use(await createStack(profiles));
  const lake = closing.use(openRemoteLake(stack.endpoint, topologyOf("airlake")));
  /** What lies in raw now, by file name. */
  const files = new Map<string, Body>();
  const opened = closing.move();
  return {
    stack,
    lake,
    embedded,
    put: async (name, body) => {
      files.set(name, body);
      await lake.put(`openaq/${name}`, body);
    },
    remove: async (name) => {
      files.delete(name);
      await lake.remove(`openaq/${name}`);
    },
    settle: async (timeoutMs) => {
      await lake.quietOf(queueRoles, timeoutMs);
      await embedded.become(files);
    },
    expectSame: async () => {
      for (const stage of ["cleaner", "joiner"] as const) {
        const found = await lake.manifests(stage);
        expect(summaryOf(found)).toEqual(summaryOf(await embedded.manifests(stage)));
        expect([...found.values()].flatMap(({ pending, debris }) => [...pending, ...debris])).toEqual([]);
      }
      const parts = await mkdtemp(join(folder, "gold-"));
      const found = { parts: await lake.download("gold", parts), keys: keysOf(await lake.manifests("joiner")) };
      const wanted = { parts: await embedded.goldParts(), keys: keysOf(await embedded.manifests("joiner")) };
      expect(await differences(found, wanted)).toEqual([]);
      expect(await lake.unnamed()).toEqual([]);
    },
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}

/** What manifests say of each source, without what differs from run to run. */
function summaryOf(manifests: ReadonlyMap<string, Manifest>): Readonly<Record<string, unknown>> {
  const entries = [...manifests].map(([key, manifest]) => {
    const { stage, state, format, counts, rejection, outputs, input, referenceTime } = manifest;
    const parts = outputs.map(({ role, rows, partition }) => `${role} ${partition} ${rows}`).toSorted();
    const refusal = rejection === null ? null : { reason: rejection.reason, parked: rejection.parked };
    // A source whose name tells no time is as old as its object, which differs from lake to lake; the joiner repeats the cleaner.
    const made = stage === "joiner" || referenceTime === input?.lastModified ? "when it was put" : referenceTime;
    return [key, { state, format, counts, refusal, made, parts }] as const;
  });
  return Object.fromEntries(entries.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

function keysOf(manifests: ReadonlyMap<string, Manifest>): ReadonlyMap<string, string> {
  return new Map([...manifests].map(([key, { sourceId }]) => [sourceId, key]));
}
