/** Disks that are full or read-only, made with a mount of the test's own. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openEmbedded } from "./open-embedded.ts";
import { runChild } from "./run-child.ts";

const canMount =
  spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { timeout: 10_000 }).status === 0;
const reason = canMount ? "" : " (skipped: no mounts of its own for a test here)";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "airlake-disk-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a child after a script, in a mount namespace that ends with it. */
async function runMounted(script: string, action: string): Promise<readonly string[]> {
  const before = ["unshare", "-rm", "sh", "-c", `${script} && exec "$@"`, "sh"];
  return runChild([action, join(folder, "lake")], before).ended();
}

describe.skipIf(!canMount)(`a disk${reason}`, () => {
  it("that is full is said so by its code, shows nothing half written, and is of use again when there is room", async () => {
    const lake = join(folder, "lake");
    mkdirSync(lake);

    const lines = await runMounted(`mount -t tmpfs -o size=8m tmpfs '${lake}'`, "fill");

    const filled = lines.filter((line) => line === "fill: done").length;
    expect(lines.slice(0, 3)).toEqual(["stream too large: ENOSPC", "bytes too large: ENOSPC", "small: done"]);
    expect(filled).toBeGreaterThan(2);
    expect(lines).toContain("fill: ENOSPC");
    expect(lines).toContain("send: ENOSPC");
    expect(lines.slice(-3, -1)).toEqual(["remove: done", "send again: done"]);
    const kept = Array.from({ length: filled - 1 }, (_, index) => `f${index + 1} 1048576`);
    expect(lines.at(-1)).toBe(`list: ${[...kept, "small 1"].join(", ")}`);
  });

  it("that cannot be written is said so by its code, with a lake on it and without", async () => {
    const lake = join(folder, "lake");
    mkdirSync(lake);

    const empty = await runMounted(`mount -t tmpfs -o ro tmpfs '${lake}'`, "open");
    openEmbedded(undefined, lake)[Symbol.dispose]();
    const used = await runMounted(`mount --bind '${lake}' '${lake}' && mount -o remount,bind,ro '${lake}'`, "open");

    expect(empty).toEqual(["EROFS"]);
    expect(["EROFS", "EACCES"]).toContain(used[0]);
  });
});

it("a lake whose database is of a later version is refused in a sentence", () => {
  const lake = join(folder, "lake");
  openEmbedded(undefined, lake)[Symbol.dispose]();
  const later =
    "const { DatabaseSync } = require('node:sqlite'); new DatabaseSync(process.argv[1]).exec('PRAGMA user_version = 7')";

  spawnSync(process.execPath, ["-e", later, join(lake, ".airlake/embedded.sqlite")]);

  expect(() => openEmbedded(undefined, lake)).toThrow("the lake's database has version 7, this program knows 1");
});
