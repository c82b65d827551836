import { copyFile, mkdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { systemClock } from "@airlake/shared/clock";
import { catalogFileOf, changeCatalogFile } from "@airlake/shared/embedded/catalog-file";
import { describe, expect, test } from "vitest";

import { json } from "../airlake.ts";
import { inProcess } from "../in-process.ts";
import { type ReconciledLake, type Told, fileOf, reconciledLake } from "./reconciled-lake.ts";

/** What was found, as `kind: source or object`. */
function found({ findings }: Pick<Told, "findings">): readonly string[] {
  return Object.entries(findings).flatMap(([kind, { samples }]) =>
    samples.map(({ what, source }) => `${kind}: ${(source === "" ? what : source).replace(/^openaq\/day\//, "")}`),
  );
}

async function changePartitions(lake: ReconciledLake, sql: string): Promise<void> {
  const catalog = { file: catalogFileOf(lake.folder), clock: systemClock };
  await changeCatalogFile(catalog, async (connection) => {
    await connection.run(sql);
  });
}

async function emptyQueues(lake: ReconciledLake): Promise<void> {
  await lake.removeUnseen("nobody");
}

describe("reconcile", { timeout: 120_000 }, () => {
  test("finds, names and mends what was done behind the pipeline's back in every layer", async () => {
    const lake = await reconciledLake("abcdefghijklmn".split(""));
    const untouched = await reconciledLake("abdefghijklmnx".split(""));
    const before = await lake.reconcile();

    await lake.putUnseen("x", fileOf("x"));
    await lake.putUnseen("b", fileOf("b"));
    await lake.putUnseen("b", fileOf("b", 7.5));
    await lake.putUnseen("b", fileOf("b").replaceAll("Ghent", "Ghent "));
    await lake.removeUnseen("c");
    await rm(lake.manifestFile("cleaner", "d"));
    await writeFile(lake.manifestFile("joiner", "e"), "{");
    await lake.changeManifest("cleaner", "f", (manifest) => ({
      ...manifest,
      counts: manifest.counts && { ...manifest.counts, kept: 1 },
    }));
    await lake.changeManifest("joiner", "g", (manifest) => ({ ...manifest, input: { identity: "0" } }));
    await rm(await lake.partFile("h", "clean"));
    await truncate(await lake.partFile("i", "quarantine"), 100);
    const gold = await lake.partFile("j", "gold");
    await writeFile(gold, Buffer.alloc((await stat(gold)).size, 7));
    await rm(await lake.partFile("k", "gold"));
    const clean = await lake.partFile("l", "clean");
    const orphan = clean.replace(/-[0-9a-f]+\.parquet$/, "-00000000000000ff.parquet");
    await copyFile(clean, orphan);
    const stranger = join(dirname(gold), "copy of a part.parquet");
    await copyFile(await lake.partFile("l", "gold"), stranger);
    await lake.changeManifest("cleaner", "m", (manifest) => ({
      ...manifest,
      pending: [{ bucket: "silver", key: "openaq/clean/never-put.parquet", partition: "" }],
    }));
    const copy = join(dirname(lake.manifestFile("cleaner", "n")), "0123456789abcdef0123456789abcdef.json");
    await copyFile(lake.manifestFile("cleaner", "n"), copy);
    await changePartitions(lake, "UPDATE partitions SET partition = 'country=BE/year=1999/month=01'");

    const told = await lake.reconcile("--grace", "0");
    const mended = await lake.reconcile("--grace", "0", "--repair");
    const again = await lake.reconcile("--grace", "0");

    expect(before).toMatchObject({ code: 0, findings: {} });
    expect(told.code).toBe(1);
    expect(found(told).toSorted()).toEqual([
      "changed-unseen: b.csv",
      "counts-off: f.csv",
      "counts-off: f.csv",
      "counts-off: f.csv",
      "damaged-part: i.csv",
      "damaged-part: j.csv",
      "empty-partition: country=BE/year=1999/month=01",
      "joiner-behind: g.csv",
      "lost-manifest: d.csv",
      "misnamed-manifest: ops/manifests/cleaner/openaq/0123456789abcdef0123456789abcdef.json",
      "missing-part: h.csv",
      "missing-part: k.csv",
      "never-seen: x.csv",
      "not-retracted: c.csv",
      "orphan: gold/openaq/measurements/country=BE/year=2018/month=02/copy of a part.parquet",
      "orphan: l.csv",
      "unfinished: m.csv",
      "unreadable-manifest: e.csv",
      "unregistered-partition: country=BE/year=2018/month=02",
    ]);
    expect(mended).toMatchObject({ code: 0, left: {} });
    expect(again).toMatchObject({ code: 0, findings: {} });
    expect(await lake.rows()).toEqual(await untouched.rows());
    const named = await lake.query("SELECT count(*) AS rows, count(DISTINCT source_id) AS sources FROM quarantine");
    expect(named).toEqual([{ rows: 14, sources: 14 }]);
    const objects = await lake.objects();
    expect(objects).not.toContain(orphan);
    expect(objects).not.toContain(stranger);
    expect(objects).toHaveLength((await untouched.objects()).length);
    await expect(readFile(copy)).rejects.toThrow("ENOENT");
  });

  test("leaves alone what may still be somebody's, and what is on its way", async () => {
    const lake = await reconciledLake(["a"]);
    const clean = await lake.partFile("a", "clean");
    await copyFile(clean, clean.replace(/-[0-9a-f]+\.parquet$/, "-00000000000000ff.parquet"));
    await lake.changeManifest("cleaner", "a", (manifest) => ({
      ...manifest,
      pending: [{ bucket: "silver", key: "openaq/clean/never-put.parquet", partition: "" }],
    }));
    const young = await lake.reconcile();
    await writeFile(join(lake.folder, "raw", "openaq", "day", "b.csv"), fileOf("b"));
    // Lists raw, which tells of what was put there by hand.
    await lake.reconcile("--grace", "0");

    const told = await lake.reconcile();
    await emptyQueues(lake);
    const unsent = await lake.reconcile();

    expect(young).toMatchObject({ code: 0, findings: {} });
    expect(told).toMatchObject({ code: 0, findings: {}, looked: { queued: 1 } });
    expect(unsent).toMatchObject({ code: 1 });
    expect(found(unsent)).toEqual(["never-seen: b.csv"]);
  });

  test("makes a source whole again of which only raw is left", async () => {
    const lake = await reconciledLake(["a", "b"]);
    const rows = await lake.rows();
    for (const stage of ["cleaner", "joiner"] as const) await rm(lake.manifestFile(stage, "a"));

    const mended = await lake.reconcile("--repair");

    const audit = json(await inProcess(["audit", "--json", ...lake.args]));
    expect(audit).toMatchObject([{ action: "reconcile-repair", outcome: "done" }]);
    expect(found(mended)).toEqual(["lost-manifest: a.csv", "lost-manifest: a.csv"]);
    expect(mended).toMatchObject({ code: 0, left: {} });
    expect(await lake.rows()).toEqual(rows);
    expect(await lake.objects()).toHaveLength(7);
  });

  test("says where only a person can help, and then ends with 1", async () => {
    const lake = await reconciledLake(["a", "b"]);
    await writeFile(join(lake.folder, "..", "day", "a.csv"), "no measurements");
    await inProcess(["run", join(lake.folder, "..", "day"), ...lake.args]);
    await rm(await lake.partFile("a", "clean"));

    const told = await inProcess(["reconcile", "--repair", ...lake.args]);

    expect(told.code).toBe(1);
    expect(told.stdout).toContain("put a good version of the source again");
    expect(told.stdout).toContain("Still off:");
  });

  test("does not delete very many objects of nobody without being told to", async () => {
    const lake = await reconciledLake(["a"]);
    const gold = dirname(await lake.partFile("a", "gold"));
    await mkdir(gold, { recursive: true });
    for (let at = 0; at < 120; at += 1) await writeFile(join(gold, `stray-${at}.parquet`), "");

    const kept = await lake.reconcile("--grace", "0", "--repair");
    const deleted = await lake.reconcile("--grace", "0", "--repair", "--delete-many");

    expect(kept).toMatchObject({ code: 1, left: { orphan: { count: 120 } }, repairs: [] });
    expect(deleted).toMatchObject({ code: 0, left: {} });
    expect(await lake.objects()).toHaveLength(4);
  });

  test("shows people a table, examples of each kind, and what to do next", async () => {
    const lake = await reconciledLake(["a"]);
    await rm(await lake.partFile("a", "gold"));

    const told = await inProcess(["reconcile", ...lake.args], { columns: 100 });
    const wrong = await inProcess(["reconcile", "--grace", "soon", ...lake.args]);

    expect(told.code).toBe(1);
    expect(told.stdout).toMatch(
      /^off +found +what it is\nmissing-part +1 +a part that the manifest names is not there$/m,
    );
    expect(told.stdout).toContain("1 finding: 1 source in raw, 2 manifests, 2 parts, 1 partition in the catalog");
    expect(told.stdout).toContain("To mend it: airlake reconcile --repair --lake");
    expect(wrong).toMatchObject({ code: 2, stdout: "" });
  });
});
