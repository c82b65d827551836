import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";
import { z } from "zod";

import { aims, endOfLease } from "./aims.ts";
import { awsReason } from "./aws-place.ts";
import { mutants } from "./mutants.ts";

const timeout = 240_000;
const aimedSchema = z.object({ faults: z.array(z.string()), missed: z.array(z.string()) });

/** Runs a file of this folder; a hung one is ended with the test's time. */
async function run(file: string, args: readonly string[]) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeout - 10_000,
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { stdout, stderr, all: `${stdout}${stderr}` };
}

async function aimed(names: readonly string[], mutant?: string) {
  const { stdout, all } = await run("./aimed.ts", [names.join(","), ...(mutant === undefined ? [] : [mutant])]);
  const said = stdout.trim().split("\n").at(-1) ?? "";
  if (!said.startsWith("{")) throw new Error(all);
  return aimedSchema.parse(JSON.parse(said));
}

describe("a storm of faults", () => {
  // A failure shows the command that gives it once more.
  const args = "--sources 40 --minutes 0.12 --share 0.06 --kill-ms 1500 --mend-ms 2500 --retry-s 2 --seed 1".split(" ");

  test(
    "loses, doubles and leaves nothing, whatever was killed, cut, lost, repeated and filled meanwhile",
    async () => {
      const { all } = await run("./main.ts", args);

      expect(all, `npm run faults -- ${args.join(" ")}`).toMatch(/: all as planned$/m);
    },
    timeout,
  );

  const reason = awsReason();
  test.skipIf(reason !== undefined)(
    `does the same on S3, SQS and Glue, over connections that fail${reason === undefined ? "" : ` (${reason})`}`,
    { timeout },
    async () => {
      const { all } = await run("./main.ts", [...args, "--on", "aws", "--sources", "15", "--workers", "1"]);

      expect(all, `npm run faults -- ${args.join(" ")} --on aws --sources 15 --workers 1`).toMatch(
        /: all as planned$/m,
      );
      expect(all).toMatch(/^proxy: /m);
    },
  );
});

describe("a fault that is aimed", () => {
  const names = aims.map(({ name }) => name);

  test.each([[names.filter((name) => name !== endOfLease)], [[endOfLease]]])(
    "at one step of the protocol is made good: %s",
    async (some) => {
      expect(await aimed(some)).toEqual({ faults: [], missed: [] });
    },
    timeout,
  );

  test.each(mutants)(
    "shows a worker that $name",
    async ({ name, aims: some, shows }) => {
      const { faults } = await aimed(some, name);

      expect(faults).toContainEqual(expect.stringMatching(shows));
    },
    timeout,
  );
});
