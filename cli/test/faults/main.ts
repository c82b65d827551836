/**
 * `npm run faults`: sources that are put, republished, removed and brought back, in bursts, while workers are killed and everything
 * between them and the lake fails now and then. When all is quiet, each record's fate must be the one that the plan says.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { awsPlace, awsReason } from "./aws-place.ts";
import { embeddedPlace } from "./place.ts";
import { type Run, weather } from "./run.ts";

const usage = `npm run faults -- [options]

  --sources N    sources whose fate is followed (500)
  --minutes N    how long the storm lasts, at least (2)
  --seed N       the same seed gives the same plan and the same dice (1)
  --share P      the share of requests that go wrong (0.04)
  --kill-ms N    a worker is killed about so often, in milliseconds (2500)
  --mend-ms N    airlake reconcile --repair is run so often beside the storm (15000)
  --workers N    workers of each kind (2)
  --retry-s N    what failed comes back after so many seconds at the latest (as the workers wish: up to 15 minutes)
  --on aws       on S3, SQS and Glue behind the AWS SDK: emulators in Docker, and a proxy that lets connections fail
  --mutant NAME  with a guarding line taken away: the suite must find fault (see mutants.ts)
  --keep         leave the lake and the workers' logs where they are
`;

type Options = Omit<Run, "say"> & { readonly keep: boolean; readonly on: "files" | "aws" };

// Then the workers are ended with it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main();

async function main(): Promise<number> {
  const options = optionsIn(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(usage);
    return 2;
  }
  const reason = options.on === "aws" ? awsReason() : undefined;
  if (reason !== undefined) {
    say(`--on aws needs emulators in Docker, and ${reason}.`);
    return 2;
  }
  const folder = join(import.meta.dirname, "..", "..", "..", ".scratch", `faults-${options.seed}-${process.pid}`);
  await mkdir(folder, { recursive: true });
  try {
    await using place = await (options.on === "files" ? embeddedPlace(folder) : awsPlace(folder, options));
    return (await weather(place, { ...options, say })) ? 0 : 1;
  } finally {
    if (options.keep) say(`The lake and the workers' logs are in ${folder}`);
    else await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function optionsIn(args: readonly string[]): Options | undefined {
  const text = (value: string) => ({ type: "string", default: value }) as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      sources: text("500"),
      minutes: text("2"),
      seed: text("1"),
      share: text("0.04"),
      "kill-ms": text("2500"),
      "mend-ms": text("15000"),
      workers: text("2"),
      "retry-s": text("0"),
      on: text("files"),
      mutant: { type: "string" },
      keep: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const numbers = {
    sources: Number(values.sources),
    minutes: Number(values.minutes),
    seed: Number(values.seed),
    share: Number(values.share),
    killEveryMs: Number(values["kill-ms"]),
    mendEveryMs: Number(values["mend-ms"]),
    workers: Number(values.workers),
  };
  const retrySeconds = Number(values["retry-s"]);
  if (Object.values(numbers).some((number) => !(number >= 0))) return undefined;
  if (!(retrySeconds >= 0) || (values.on !== "files" && values.on !== "aws")) return undefined;
  const mostRetrySeconds = retrySeconds === 0 ? undefined : retrySeconds;
  return { ...numbers, mostRetrySeconds, on: values.on, mutant: values.mutant, keep: values.keep };
}
