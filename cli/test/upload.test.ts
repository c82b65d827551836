import { existsSync, writeFileSync } from "node:fs";
import { readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";

import { systemClock } from "@airlake/shared/clock";
import type { ObjectStore } from "@airlake/shared/object-store";

import { CommandError } from "../src/command-error.ts";
import { type EmbeddedLake, openEmbedded } from "../src/embedded.ts";
import { openLake } from "../src/lake.ts";
import { listEntries, placeOf, readFailures } from "../src/ledger.ts";
import { type NamedSource, nameSources } from "../src/named-sources.ts";
import { uploadWhatDiffers } from "../src/upload.ts";
import { tempFolder } from "./temp-folder.ts";

let folder = "";
let opened: EmbeddedLake;

beforeEach(async () => {
  folder = await tempFolder();
  opened = await openEmbedded(await openLake(join(folder, "lake"), "create"), systemClock);
  onTestFinished(async () => opened[Symbol.asyncDispose]());
});

async function upload(
  sources: readonly NamedSource[],
  signal = new AbortController().signal,
): Promise<readonly string[]> {
  const seen: string[] = [];
  const deps = { s3: opened.s3, bucket: opened.topology.buckets.raw, signal };
  await uploadWhatDiffers(deps, sources, ({ key }, was) => void seen.push(`${key} ${was}`));
  return seen.toSorted();
}

async function named(): Promise<readonly NamedSource[]> {
  const options = { dataset: "openaq", lakeFolder: opened.lake.folder };
  return (await nameSources([join(folder, "a.csv"), join(folder, "b.csv")], options)).sources;
}

describe("uploading", () => {
  test("sends what differs in its bytes, whatever its size and time", async () => {
    await writeFile(join(folder, "a.csv"), "first");
    await writeFile(join(folder, "b.csv"), "");
    const first = await upload(await named());
    await writeFile(join(folder, "a.csv"), "other");
    await utimes(join(folder, "a.csv"), 0, 0);
    await utimes(join(folder, "b.csv"), 0, 0);

    const second = await upload(await named());

    expect(first).toEqual(["openaq/a.csv uploaded", "openaq/b.csv uploaded"]);
    expect(second).toEqual(["openaq/a.csv uploaded", "openaq/b.csv same"]);
    expect(await readFile(join(opened.lake.folder, "raw", "openaq", "a.csv"), "utf8")).toBe("other");
  });

  test("takes a file as it is when its turn comes, and tells of one that went away", async () => {
    await writeFile(join(folder, "a.csv"), "short");
    await writeFile(join(folder, "b.csv"), "b");
    const before = await named();
    await writeFile(join(folder, "a.csv"), "longer by now");

    await upload(before);
    await rm(join(folder, "b.csv"));

    expect(await readFile(join(opened.lake.folder, "raw", "openaq", "a.csv"), "utf8")).toBe("longer by now");
    await expect(upload(before)).rejects.toThrow(/b\.csv went away while it was read/);
  });

  test("puts nothing of a file that is written to while it is read", async () => {
    await writeFile(join(folder, "a.csv"), "a".repeat(200_000));
    await utimes(join(folder, "a.csv"), 1, 1);
    await writeFile(join(folder, "b.csv"), "b");
    const sources = await named();
    // After the first piece somebody writes over the file, and leaves its size as it is.
    const s3: ObjectStore = {
      send: async (command: PutObjectCommand) => {
        if (!(command instanceof PutObjectCommand) || command.input.Key !== "openaq/a.csv")
          return opened.s3.send(command);
        const body = command.input.Body as Readable;
        body.once("data", () => writeFileSync(join(folder, "a.csv"), "c".repeat(200_000)));
        body.pause();
        return opened.s3.send(command);
      },
    } as never;

    const uploaded = uploadWhatDiffers({ s3, bucket: "raw", signal: new AbortController().signal }, sources, () => {});

    await expect(uploaded).rejects.toThrow(/a\.csv was written to while it was read/);
    expect(existsSync(join(opened.lake.folder, "raw", "openaq", "a.csv"))).toBe(false);
  });

  test("begins nothing more once it is to stop", async () => {
    await writeFile(join(folder, "a.csv"), "a");
    await writeFile(join(folder, "b.csv"), "b");

    expect(await upload(await named(), AbortSignal.abort())).toEqual([]);
  });
});

describe("the ledger", () => {
  async function put(key: string, body: string): Promise<void> {
    await opened.s3.send(new PutObjectCommand({ Bucket: "ops", Key: key, Body: body }));
  }

  test("of a newer airlake is told as such", async () => {
    await put("manifests/cleaner/openaq/x.json", `{"contract":"manifest/2"}`);

    const list = listEntries(placeOf(opened)).next();

    await expect(list).rejects.toThrow(CommandError);
    await expect(list).rejects.toThrow(/written by a newer airlake/);
  });

  test("gives the failure records of the days asked for, oldest first, and no others", async () => {
    const record = {
      contract: "failure/1",
      service: "cleaner",
      reason: "unknown-dataset",
      detail: "",
      errors: [],
      messageId: "m",
      receiveCount: 1,
      body: "",
      attributes: {},
      workerVersion: "0",
    };
    await put("failures/2026-11-20/cleaner/b.json", JSON.stringify({ ...record, at: "2026-11-20T09:00:00.000Z" }));
    await put("failures/2026-11-20/cleaner/a.json", JSON.stringify({ ...record, at: "2026-11-20T10:00:00.000Z" }));
    await put("failures/2026-11-20/cleaner/c.json", `{"contract":"failure/9"}`);
    await put("failures/2026-11-19/cleaner/d.json", JSON.stringify({ ...record, at: "2026-11-19T10:00:00.000Z" }));

    const found = await readFailures(placeOf(opened), ["2026-11-20"]);

    expect(found.map(({ at }) => at)).toEqual(["2026-11-20T09:00:00.000Z", "2026-11-20T10:00:00.000Z"]);
  });
});
