import { PutObjectCommand } from "@aws-sdk/client-s3";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";

import { createOut } from "../src/out.ts";
import { openAnyLake } from "../src/opened-lake.ts";
import { openLake } from "../src/lake.ts";
import { parseAddresses, usualAddresses } from "../src/status/health-addresses.ts";
import { watchStatus } from "../src/status/watch-status.ts";
import { systemClock } from "@airlake/shared/clock";
import { json } from "./airlake.ts";
import { inProcess } from "./in-process.ts";
import { tempFolder } from "./temp-folder.ts";

interface Service {
  readonly name: string;
  readonly queue: string;
  readonly draining?: boolean;
  readonly reasons?: readonly string[];
  /** It listens and never answers. */
  readonly silent?: boolean;
}

/** Something that answers as a service's health port; `say` changes what it says. */
async function serve(first: Service): Promise<{ readonly port: number; readonly say: (service: Service) => void }> {
  let now = first;
  const server = createServer((request, response) => {
    const { name, queue, draining = false, reasons = [], silent = false } = now;
    if (silent) return;
    const last = [{ at: new Date().toISOString(), outcome: "rejected", reason: "empty-file", key: `${name}.csv` }];
    const status = { name, version: "1.2.3", draining, settings: { queue }, inHand: 2, hands: [{ seconds: 7 }], last };
    response.end(JSON.stringify(request.url === "/status" ? status : { status: "", reasons }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, say: (service) => void (now = service) };
}

async function newLake(): Promise<string> {
  const folder = join(await tempFolder(), "lake");
  await openLake(folder, "create");
  return folder;
}

describe("status", () => {
  test("says that a fuse is blown, and ends with 1", async () => {
    const lake = await newLake();
    const blown = { at: "2026-11-21T03:00:00.000Z", retractions: 51, sources: 100 };
    const fuse = { contract: "fuse/1", dataset: "openaq", recent: {}, sources: null, blown, pass: null };
    await using opened = await openAnyLake(lake, "write", systemClock);
    const words = ["status", "--lake", lake, "--health", "cleaner=127.0.0.1:1"];
    const whole = await inProcess(words);
    await opened.s3.send(new PutObjectCommand({ Bucket: "ops", Key: "fuse/openaq.json", Body: JSON.stringify(fuse) }));

    const told = await inProcess(words);
    const asJson = await inProcess([...words, "--json"]);

    expect([whole.code, told.code, asJson.code]).toEqual([0, 1, 1]);
    expect(whole.stdout).not.toContain("fuse");
    expect(told.stdout).toContain(
      `The fuse of openaq is blown since 2026-11-21 03:00 UTC: what is gone from raw stays in the lake until a person has spoken; see: airlake fuse --lake ${lake}`,
    );
    expect(json(asJson)).toMatchObject({ blown: [{ dataset: "openaq", since: blown.at }] });
  });

  test("tells of each service what it says of itself, and of none that it does not run", async () => {
    const lake = await newLake();
    const cleaner = await serve({ name: "cleaner", queue: "clean" });
    const draining = await serve({ name: "cleaner", queue: "clean", draining: true, reasons: ["draining"] });
    const lost = await serve({ name: "joiner", queue: "join", reasons: ["there is no bucket gold"] });
    const stranger = await serve({ name: "ingestor", queue: "someone-elses-ingest" });
    const ports = [cleaner, draining, lost, stranger].map(({ port }) => `cleaner=127.0.0.1:${port}`);
    const words = ["status", "--lake", lake, "--health", ports.join(",")];

    const asJson = await inProcess([...words, "--json"]);
    const { code, stdout } = await inProcess(words, { columns: 130 });

    expect(json(asJson)).toMatchObject({
      services: [
        { service: "ingestor", state: "unreachable", at: null },
        { service: "cleaner", state: "up", at: `127.0.0.1:${cleaner.port}`, inHand: 2, oldestSeconds: 7, perMinute: 1 },
        { service: "cleaner", state: "draining" },
        { service: "joiner", state: "not ready", reasons: ["there is no bucket gold"] },
        { service: "catalog-sync", state: "unreachable" },
      ],
    });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ingestor +not running /mu);
    expect(stdout).toMatch(
      /^cleaner \d+ +up +1\.2\.3 +2 +\d +7 s +0 +1 +rejected \(empty-file\) cleaner\.csv, \d+ s ago$/mu,
    );
    expect(stdout).toMatch(/^joiner \d+ is not ready: there is no bucket gold$/mu);
  });

  test("says where a service listens and does not answer", async () => {
    const lake = await newLake();
    const { port } = await serve({ name: "joiner", queue: "join", silent: true });

    const { code, stdout } = await inProcess(["status", "--lake", lake, "--health", `joiner=127.0.0.1:${port}`]);

    expect(code).toBe(1);
    expect(stdout).toMatch(/^joiner \d+ is unreachable: it does not answer within/mu);
  });

  test("is well of a folder in which nothing runs", async () => {
    const lake = await newLake();

    const { code, stdout } = await inProcess(["status", "--lake", lake, "--health", "cleaner=127.0.0.1:1"], {
      columns: 80,
    });

    expect(code).toBe(0);
    expect(stdout.split("\n").filter((text) => text.length > 80)).toEqual([]);
    expect(stdout).toMatch(/^cleaner +not running /mu);
  });
});

describe("status that is watched", () => {
  test.each([
    ["a line for each change where nobody looks", false],
    ["in place where somebody looks", true],
  ])("is told with %s", async (_how, live) => {
    const service = { name: "cleaner", queue: "clean" };
    const { port, say } = await serve(service);
    await using opened = await openAnyLake(await newLake(), "read", systemClock);
    const written = { stdout: "", stderr: "" };
    const stop = new AbortController();
    const stream = (name: "stdout" | "stderr") => ({
      ...(live ? { isTTY: true, columns: 120 } : {}),
      write: (text: string | Uint8Array) => {
        written[name] += String(text);
        return true;
      },
    });
    const out = createOut(stream("stdout"), stream("stderr"), {});
    const addresses = parseAddresses(`cleaner=127.0.0.1:${port}`);
    const seen = (): string => (live ? written.stderr : written.stdout);

    const watching = watchStatus({ out, opened, addresses, signal: stop.signal }, false);
    await expect.poll(seen, { timeout: 20_000 }).toMatch(/cleaner( \d+: up| +up )/u);
    say({ ...service, draining: true, reasons: ["draining"] });
    await expect.poll(seen, { timeout: 20_000 }).toMatch(/cleaner( \d+: draining| +draining )/u);
    stop.abort();
    await watching;

    if (live) expect(written.stdout).toMatch(/^cleaner +draining /mu);
    else expect(written.stdout.match(/cleaner \d+: /gu)).toHaveLength(2);
  });
});

describe("where services answer", () => {
  test("is by default where up and compose have them", () => {
    expect(usualAddresses("folder").map(({ port }) => port)).toEqual([8701, 8702, 8703, 8704]);
    expect(usualAddresses("aws")).toHaveLength(40);
    expect(usualAddresses("aws")).toContainEqual({ role: "clean", host: "127.0.0.1", port: 8122 });
  });

  test("can be told, as single ports and as ranges", () => {
    expect(parseAddresses("cleaner=10.0.0.1:80-81, catalog-sync=[::1]:9")).toEqual([
      { role: "clean", host: "10.0.0.1", port: 80 },
      { role: "clean", host: "10.0.0.1", port: 81 },
      { role: "catalog", host: "[::1]", port: 9 },
    ]);
  });

  test.each([
    "",
    "cleaner",
    "cleaner=x",
    "washer=h:1",
    "cleaner=h:0",
    "cleaner=h:9-8",
    "cleaner=h:1-65535",
    "cleaner=h:99999",
  ])("is refused as %j", (text) => {
    expect(() => parseAddresses(text)).toThrow("does not say where services answer");
  });
});
