// The whole pipeline as `docker compose up` runs it, against the embedded run of the same files.
import { availableParallelism, loadavg } from "node:os";
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { containerReason, localStackImage, motoImage } from "@airlake/shared/testing/containers";

import { openGlue } from "../lake/glue.ts";
import { type RemoteLake, parked } from "../lake/remote-lake.ts";
import { serviceNames } from "../processes/run-process.ts";
import { settingsFor } from "../processes/settings.ts";
import { type BothLakes, createBothLakes } from "./both-lakes.ts";
import { generatedFile } from "./generated-files.ts";
import type { Stack } from "./stack.ts";

const images = [localStackImage, motoImage, "node:24-bookworm-slim"];
const reason = images.map((image) => containerReason(image)).find((one) => one !== undefined);
const quietMs = 180_000;

describe.skipIf(reason !== undefined)(`docker compose${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  let both: BothLakes;
  let stack: Stack;
  let lake: RemoteLake;

  beforeAll(async () => {
    both = await createBothLakes();
    ({ stack, lake } = both);
    await stack.compose("build");
  });
  afterAll(async () => both[Symbol.asyncDispose]());

  /** Puts generated files into raw. */
  async function put(numbers: readonly number[], records: number): Promise<void> {
    for (const number of numbers) {
      const { name, body } = generatedFile(number, records);
      await both.put(name, body);
    }
  }

  /** Waits until nothing is left to do; then the lake is what the embedded run makes of the same files. */
  async function expectEmbeddedRows(): Promise<void> {
    await both.settle(quietMs);
    await both.expectSame();
    expect(await parked(lake)).toBe(0);
  }

  test("is healthy within a minute, when its images are there", async () => {
    const startedAt = performance.now();

    await stack.compose("up", "--detach", "--wait");

    const seconds = Math.round((performance.now() - startedAt) / 1000);
    process.stdout.write(`docker compose up --wait took ${seconds} s\n`);
    // A machine that has more to do than it can says nothing about a minute.
    const isBusy = (loadavg()[0] ?? 0) > availableParallelism();
    expect(seconds).toBeLessThan(isBusy ? 240 : 60);
  });

  test.each(serviceNames)("runs %s with nothing that it does not need", async (name) => {
    const [container] = await stack.inspect(name);

    expect(container?.Config).toMatchObject({ User: "node", Cmd: ["node", "src/main.ts"] });
    expect(container?.Config.Healthcheck?.Test).toEqual(["CMD", "node", "/airlake/deploy/src/health-check.mjs"]);
    expect(container?.HostConfig).toMatchObject({ ReadonlyRootfs: true, Memory: 2 * 1024 ** 3 });
    expect(container?.Mounts).toEqual([expect.objectContaining({ Destination: "/scratch", RW: true })]);
    const first = await stack.compose("exec", "--no-TTY", name, "cat", "/proc/1/cmdline");
    expect(first.split("\0").slice(0, 2)).toEqual(["node", "src/main.ts"]);
    const packages = (await stack.compose("exec", "--no-TTY", name, "ls", "/airlake/node_modules")).split("\n");
    expect(packages.filter((one) => ["node", "typescript", "vitest", "testcontainers"].includes(one))).toEqual([]);
  });

  test("names the buckets and queues that the bootstrap makes", async () => {
    for (const name of serviceNames) {
      const [container] = await stack.inspect(name);
      expect(container?.Config.Env).toEqual(
        expect.arrayContaining(
          Object.entries(settingsFor(name, lake.topology)).map(([key, value]) => `${key}=${value}`),
        ),
      );
    }
  });

  test("publishes ports on this machine's own address alone", async () => {
    const containers = await Promise.all(
      ["localstack", "moto", ...serviceNames].map(async (name) => stack.inspect(name)),
    );

    const bindings = containers
      .flat()
      .flatMap((one) => Object.values(one.NetworkSettings.Ports).flatMap((port) => port ?? []));

    expect(bindings).toHaveLength(6);
    expect(new Set(bindings.map(({ HostIp }) => HostIp))).toEqual(new Set(["127.0.0.1"]));
  });

  test("finds nothing to change when the bootstrap runs again", async () => {
    const text = await stack.compose("run", "--rm", "--no-TTY", "bootstrap");

    const last: unknown = JSON.parse(text.trim().split("\n").at(-1) ?? "");
    expect(last).toMatchObject({ msg: "all was there already, nothing changed", created: 0, changed: 0 });
  });

  test("comes to the same account and the same rows as the embedded run", async () => {
    await put([1, 2, 3, 4, 5, 6], 300);

    await expectEmbeddedRows();

    expect((await lake.manifests("joiner")).size).toBe(6);
  });

  test("replaces the rows of a file that is put again, and takes out those of one that is removed", async () => {
    await put([2], 40);
    const { name } = generatedFile(3, 300);
    await both.put(generatedFile(2, 300).name, generatedFile(9, 120).body);
    await both.remove(name);

    await expectEmbeddedRows();

    expect((await lake.manifests("joiner")).get(`openaq/${name}`)).toMatchObject({ state: "retracted", outputs: [] });
  });

  test("loses and doubles nothing while every service is restarted", async () => {
    const writing = put(
      Array.from({ length: 40 }, (_, at) => 100 + at),
      60,
    );
    for (const name of serviceNames) await stack.compose("restart", name);
    await writing;
    await put([1, 4], 90);

    await expectEmbeddedRows();

    for (const name of serviceNames) {
      const told = (await stack.logs(name)).map((line) => line["msg"]);
      expect(told.filter((text) => text === "started")).toHaveLength(2);
      expect(told.filter((text) => text === "stopped")).toHaveLength(1);
    }
  });

  test("shares the work of three cleaners", async () => {
    await stack.compose("up", "--detach", "--wait", "--no-recreate", "--scale", "cleaner=3");
    const cleaners = await stack.inspect("cleaner");
    await put(
      Array.from({ length: 30 }, (_, at) => 200 + at),
      60,
    );

    await expectEmbeddedRows();

    const settled = await Promise.all(cleaners.map(async (container) => settledBy(container.NetworkSettings.Ports)));
    expect(settled).toHaveLength(3);
    expect(settled.filter((count) => count > 0).length).toBeGreaterThan(1);
    await stack.compose("up", "--detach", "--wait", "--no-recreate", "--scale", "cleaner=1");
    expect(await stack.inspect("cleaner")).toHaveLength(1);
  });

  test("lands every table, and a partition for each that holds rows, in Glue", async () => {
    using glue = openGlue(stack.glueEndpoint);

    const tables = await glue.tables("openaq");
    const partitions = await glue.partitions("openaq", "measurements");

    expect(tables.map(({ name }) => name)).toEqual(["countries", "measurements", "quarantine", "sources"]);
    const outputs = [...(await lake.manifests("joiner")).values()].flatMap((manifest) => manifest.outputs);
    const held = new Set(outputs.map(({ partition }) => partition.replaceAll(/\w+=/gu, "")));
    const known = new Set(partitions.map(({ values }) => values));
    expect([...held].filter((one) => !known.has(one))).toEqual([]);
  });

  test("looks through the lake on a schedule, says what is off, and mends nothing", async () => {
    const [container] = await stack.inspect("reconcile");
    await put([50], 20);
    await both.settle(quietMs);
    const inOrder = await lookAgain();
    const part = [...(await lake.manifests("joiner")).values()].flatMap(({ outputs }) => outputs)[0];
    const place = { Bucket: lake.topology.buckets.gold, Key: part?.key };
    const body = await (await lake.s3.send(new GetObjectCommand(place))).Body?.transformToByteArray();
    await lake.s3.send(new DeleteObjectCommand(place));
    const before = await objectsOf(lake);

    const off = await lookAgain();
    const after = await objectsOf(lake);
    await lake.s3.send(new PutObjectCommand({ ...place, Body: body ?? "" }));

    // Partitions that lost their last part stay in Glue, and are told of each time.
    expect(inOrder["findings"]).not.toHaveProperty("missing-part");
    expect(off["findings"]).toEqual({
      ...Object(inOrder["findings"]),
      "missing-part": { count: 1, samples: [expect.objectContaining({ what: `gold/${part?.key}` })] },
    });
    expect(after).toEqual(before);
    expect(container?.Config).toMatchObject({ User: "node", Cmd: expect.arrayContaining(["--every", "3600"]) });
    expect(container?.Config.Cmd).not.toContain("--repair");
    expect(container?.HostConfig.ReadonlyRootfs).toBe(true);
    expect(container?.NetworkSettings.Ports).toEqual({});
  });

  /** The next look is an hour away, or a restart. */
  async function lookAgain(): Promise<Readonly<Record<string, unknown>>> {
    const before = (await stack.logs("reconcile")).length;
    await stack.compose("restart", "reconcile");
    const next = async (): Promise<number> => (await stack.logs("reconcile")).length;
    await expect.poll(next, { timeout: quietMs, interval: 500 }).toBeGreaterThan(before);
    return (await stack.logs("reconcile")).at(-1) ?? {};
  }

  test("keeps messages for a Glue that is away, ready but degraded, and saying why", async () => {
    const catalogSays = async () => stack.get("catalog-sync", "/health/ready");
    await stack.compose("stop", "moto");

    const months = [1, 2, 3, 4, 5].map((month) => `country=IS/year=2012/month=0${month}`);
    for (const [at] of months.entries()) await both.put(`away-${at + 1}.csv`, monthFile(at + 1));
    await lake.quietOf(["clean", "join"], quietMs);

    const degraded = { status: "degraded", reasons: [], degraded: [expect.stringMatching(/stay on the queue.*moto/u)] };
    await expect.poll(catalogSays, { timeout: quietMs, interval: 500 }).toEqual({ status: 200, body: degraded });
    expect([await lake.depth("catalog"), await parked(lake)]).toEqual([5, 0]);
    const failures = (await stack.logs("catalog-sync")).filter(({ msg }) => msg === "message failed");
    expect(failures.length).toBeGreaterThanOrEqual(3);

    await stack.compose("start", "moto");
    await expectEmbeddedRows();

    const ready = { status: "ready", reasons: [], degraded: [] };
    await expect.poll(catalogSays, { timeout: quietMs, interval: 500 }).toEqual({ status: 200, body: ready });
    using glue = openGlue(stack.glueEndpoint);
    // This one forgets when it ends: what the messages named is there again.
    const known = (await glue.partitions("openaq", "measurements")).map(({ location }) => location);
    expect(known).toEqual(months.map((month) => `s3://airlake-gold/openaq/measurements/${month}/`));
  });

  test("ends what is in hand when it is stopped, and does the rest when it is started again", async () => {
    await put(
      Array.from({ length: 20 }, (_, at) => 300 + at),
      200,
    );

    await stack.compose("stop", ...serviceNames);

    for (const name of serviceNames) {
      const containers = await stack.inspect(name);
      expect(containers.map(({ State }) => State.ExitCode)).toEqual([0]);
      expect((await stack.logs(name)).at(-1)?.["msg"]).toBe("stopped");
    }
    await stack.compose("up", "--detach", "--wait");
    await expectEmbeddedRows();
  });
});

/** Every object of every bucket but raw, with what changes when it is written. */
async function objectsOf({ s3, topology }: RemoteLake): Promise<readonly string[]> {
  const { silver, gold, ops } = topology.buckets;
  const listed = [silver, gold, ops].map(async (Bucket) => s3.send(new ListObjectsV2Command({ Bucket })));
  const found = (await Promise.all(listed)).flatMap(({ Contents: objects = [] }) => objects);
  return found.map(({ Key, ETag, LastModified }) => `${Key} ${ETag} ${LastModified?.toISOString()}`);
}

/** A file of a month that no other file is of. */
function monthFile(month: number): string {
  const header = "location,city,country,utc,local,parameter,value,unit,latitude,longitude,attribution";
  return `${header}\nA,A,IS,2012-0${month}-06T05:00:00Z,,pm25,7,µg/m³,64.1,-21.9,\n`;
}

/** How many messages a container has settled, as its status tells. */
async function settledBy(
  ports: Readonly<Record<string, readonly { readonly HostPort: string }[] | null>>,
): Promise<number> {
  const port = ports["8080/tcp"]?.[0]?.HostPort ?? "";
  const status = (await (await fetch(`http://127.0.0.1:${port}/status`)).json()) as {
    outcomes: Record<string, number>;
  };
  return Object.values(status.outcomes).reduce((sum, count) => sum + count, 0);
}
