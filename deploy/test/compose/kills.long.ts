// Real files go through the containers while every service is killed at random: nothing is lost, nothing comes twice.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { queueRoles, topologyOf } from "@airlake/shared/contracts/topology";
import { containerReason, localStackImage, motoImage } from "@airlake/shared/testing/containers";
import { fixturesFolder } from "@airlake/shared/testing/fixtures";

import { rowsPerSource } from "../lake/gold-rows.ts";
import { type RemoteLake, openRemoteLake, parked } from "../lake/remote-lake.ts";
import { serviceNames } from "../processes/run-process.ts";
import { type Stack, createStack } from "./stack.ts";

const images = [localStackImage, motoImage, "node:24-bookworm-slim"];
const fixtures = fixturesFolder();
const reason =
  fixtures === undefined
    ? "there are no recorded files"
    : images.map((image) => containerReason(image)).find((one) => one !== undefined);
const sources = 300;
const quietMs = 1_200_000;

const counts = z.record(z.string(), z.number());
const expectedFile = z.object({
  format: z.string(),
  read: z.number(),
  kept: z.number(),
  quarantined: z.number(),
  reasons: counts,
  flags: counts,
});
type Expected = z.infer<typeof expectedFile>;

describe.skipIf(reason !== undefined)(`services killed at random${reason === undefined ? "" : ` (${reason})`}`, () => {
  let stack: Stack;
  let lake: RemoteLake;
  beforeAll(async () => {
    stack = await createStack();
    await stack.compose("up", "--build", "--detach", "--wait");
    lake = openRemoteLake(stack.endpoint, topologyOf("airlake"));
  });
  afterAll(async () => {
    lake[Symbol.dispose]();
    await stack[Symbol.asyncDispose]();
  });

  test(`lose and double nothing of ${sources} real files`, async () => {
    const wanted = await recordedFiles(sources);
    const startedAt = performance.now();
    const state = { isPutting: true, kills: 0 };

    const killing = killWhile(stack, state);
    for (const [key, { path }] of wanted) await lake.put(key, await readFile(path));
    await lake.quietOf(["clean"], quietMs);
    state.isPutting = false;
    await killing;
    await lake.quietOf(queueRoles, quietMs);

    const seconds = Math.round((performance.now() - startedAt) / 1000);
    process.stdout.write(`${sources} files, ${state.kills} kills, ${seconds} s\n`);
    expect(state.kills).toBeGreaterThanOrEqual(serviceNames.length);
    await expectAccount(lake, wanted);
  });
});

/** Kills one service after another, in no order, and starts it again a moment later. */
async function killWhile(stack: Stack, state: { readonly isPutting: boolean; kills: number }): Promise<void> {
  while (state.isPutting) {
    // Every service at least once, then whichever.
    const name = serviceNames[state.kills < 4 ? state.kills : Math.floor(Math.random() * 4)] ?? "cleaner";
    await pause(1_000 + Math.random() * 6_000);
    await stack.compose("kill", "--signal", "KILL", name);
    state.kills += 1;
    await pause(Math.random() * 2_000);
    await stack.compose("up", "--detach", "--no-recreate", "--no-deps", name);
  }
}

/** Each source has the oracle's counts, as many gold rows, and nothing lies beside what manifests name. */
async function expectAccount(lake: RemoteLake, wanted: ReadonlyMap<string, { readonly account: Expected }>) {
  const [cleaned, joined] = [await lake.manifests("cleaner"), await lake.manifests("joiner")];
  const accounts = [...cleaned].map(([key, { state, format, counts: found }]) => [key, { state, format, ...found }]);
  const current = [...wanted].map(([key, { account }]) => [key, { state: "current", ...account }]);
  expect(Object.fromEntries(accounts)).toEqual(Object.fromEntries(current));
  const unfinished = [...cleaned.values(), ...joined.values()].flatMap(({ pending, debris }) => [pending, debris]);
  expect(unfinished.flat()).toEqual([]);
  const folder = await mkdtemp(join(tmpdir(), "airlake-kills-"));
  try {
    const rows = await rowsPerSource(await lake.download("gold", folder));
    const found = [...joined].map(([key, { sourceId }]) => [key, rows.get(sourceId) ?? 0]);
    expect(Object.fromEntries(found)).toEqual(
      Object.fromEntries([...wanted].map(([key, { account }]) => [key, account.kept])),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  expect(await lake.unnamed()).toEqual([]);
  expect(await parked(lake)).toBe(0);
}

/** So many sources: every recorded file, the great ones once, the others under several keys. The last name stays: it is a time. */
async function recordedFiles(
  count: number,
): Promise<ReadonlyMap<string, { readonly path: string; readonly account: Expected }>> {
  const folder = fixtures ?? "";
  const text = await readFile(join(folder, "EXPECTED-RULES.json"), "utf8");
  const all = Object.entries(z.record(z.string(), expectedFile).parse(JSON.parse(text)));
  const small = all.filter(([, { read }]) => read < 100_000);
  const rounds = Array.from({ length: Math.ceil(count / small.length) }, () => small).flat();
  const chosen = [...all.filter(([, { read }]) => read >= 100_000), ...rounds].slice(0, count);
  return new Map(
    chosen.map(([name, account], at) => [`openaq/${at}/${basename(name)}`, { path: join(folder, name), account }]),
  );
}
