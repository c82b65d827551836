/** A disk of a few megabytes for a worker's scratch, really filled now and then; where the system lets a test mount one. */
import { spawnSync } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import type { Random } from "../../src/sample/prng.ts";
import type { Deal } from "./dealt.ts";

const megabytes = 16;

/** Whether a process may have mounts of its own here. */
export function canMount(): boolean {
  return (
    spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { timeout: 10_000, stdio: "ignore" })
      .status === 0
  );
}

/** The command that gives what comes after it a small disk in this folder; the process keeps its id. */
export function onSmallDisk(folder: string): readonly [command: string, ...args: string[]] {
  const script = `mount -t tmpfs -o size=${megabytes}m tmpfs "$0" && exec "$@"`;
  return ["unshare", "-rm", "sh", "-c", script, folder];
}

/** For ever: leaves the disk be for a few seconds, then fills it to the last byte for one or two. */
export async function fillNowAndThen(
  folder: string,
  { random, deal }: { readonly random: Random; readonly deal: Deal },
): Promise<never> {
  // A worker that ends is not to be kept by this.
  const pause = async (ms: number): Promise<void> => wait(ms, undefined, { ref: false });
  const ballast = join(folder, "ballast");
  for (;;) {
    await pause(3000 + random.below(5000));
    const isFull = await writeFile(ballast, Buffer.alloc(megabytes * 2 ** 20)).then(
      () => false,
      () => true,
    );
    if (isFull) deal("disk of the worker filled");
    await pause(500 + random.below(1500));
    await rm(ballast, { force: true });
  }
}
