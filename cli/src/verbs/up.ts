/** `airlake up`: the pipeline stays, and takes what comes. */
import { type Command, InvalidArgumentError } from "commander";

import { queueRoles } from "@airlake/shared/contracts/topology";

import { defaultDataset, knownDatasets } from "../datasets.ts";
import { examples } from "../examples.ts";
import { openLake } from "../lake.ts";
import { folderOf } from "../opened-lake.ts";
import { placeOf } from "../ledger.ts";
import { askToLook } from "../pipeline.ts";
import { type Session, withServices } from "../session.ts";
import { printable } from "../text.ts";
import type { DroppedFile } from "../up/bringing.ts";
import { type DropFolder, openDropFolder } from "../up/drop-folder.ts";
import { openDropMemory } from "../up/drop-memory.ts";
import { createDropWatch } from "../up/drop-watch.ts";
import { type HealthPorts, checkPorts, lastFirstPort, portsFrom, usualFirstPort } from "../up/health-ports.ts";
import { mendRaw } from "../up/mend-raw.ts";
import { reconcileHourly } from "../up/reconcile-hourly.ts";
import { allUntil } from "../up/all-until.ts";
import { type UpScreen, createUpScreen } from "../up/up-screen.ts";
import { uploadWhatDiffers } from "../upload.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface UpOptions extends LakeOptions {
  readonly drop?: string;
  readonly portBase: number;
  readonly ports: boolean;
}

export function addUp(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description(
      "Runs the pipeline until it is stopped, and takes every file that is put into the drop folder. A file is taken when " +
        "it is whole: 1.5 s after it was last written, or at once when it was renamed or moved there. Names that begin " +
        "with a dot or end in .part, .tmp or .crdownload are left alone. A changed file replaces its records; a file " +
        "that is taken out of the drop folder stays in the lake until `airlake rm` takes it out there.",
    )
    .option("--drop <folder>", "the folder to watch (default: drop in the lake's folder); made if it is not there")
    .option(
      "--port-base <n>",
      "the four services answer for their health on this port and the next three",
      port,
      usualFirstPort,
    )
    .option("--no-ports", "open no ports")
    .addHelpText(
      "after",
      examples(
        [
          ["airlake up", "then copy files into lake/drop"],
          ["airlake up --drop inbox", "watch another folder"],
          ["airlake up --json >> log.ndjson", "a line for each source that is through"],
          [`curl localhost:${usualFirstPort + 1}/status`, "how the cleaner is; also /health/ready and /metrics"],
        ],
        "drop/day.csv becomes openaq/day.csv; drop/NAME/day.csv becomes NAME/day.csv\nwhere NAME is a dataset, else openaq/NAME/day.csv. Other verbs work beside it.\n\nCtrl-C finishes what is in hand and ends with 0; the next up goes on there.\nA second one ends at once, with 130.",
      ),
    )
    .action(async (_options: unknown, command: Command) => {
      finish(await up(deps, command.optsWithGlobals<UpOptions>()));
    });
}

function port(text: string): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= lastFirstPort) return number;
  throw new InvalidArgumentError(`It must be a number from 1 to ${lastFirstPort}.`);
}

async function up(deps: VerbDeps, options: UpOptions): Promise<ExitCode> {
  const ports = options.ports ? portsFrom(options.portBase) : undefined;
  // Before anything is made: a second `up` by mistake leaves no trace.
  if (ports !== undefined) await checkPorts(ports);
  const lake = await openLake(folderOf(options.lake, "up"), "create");
  const drop = await openDropFolder(lake, options.drop);
  const screen = createUpScreen(deps.out, options.json);
  const run = { lake, options, roles: queueRoles, onLine: screen.take, ...(ports === undefined ? {} : { ports }) };
  await withServices(deps, run, async (session) => stay(deps, session, { drop, ports, screen }));
  deps.out.note("Stopped. Nothing is lost: the next airlake up goes on where it stopped.");
  return 0;
}

interface Stay {
  readonly drop: DropFolder;
  readonly ports: HealthPorts | undefined;
  readonly screen: UpScreen;
}

/** Until the person wishes to stop. */
async function stay(deps: VerbDeps, session: Session, { drop, ports, screen }: Stay): Promise<void> {
  const { opened } = session;
  const { out } = deps;
  const datasets = (await knownDatasets()).map(({ name }) => name);
  const dropWatch = createDropWatch(
    {
      clock: deps.clock,
      memory: openDropMemory(drop.memoryFile),
      bring: async (file) => bring(session, file),
      tell: (path, sentence) => out.note(`${printable(path === "" ? drop.shown : path)}: ${printable(sentence)}`),
    },
    { ...drop, naming: { datasets: new Set(datasets), otherwise: datasets[0] ?? defaultDataset } },
  );
  const mend = {
    clock: deps.clock,
    place: placeOf(opened),
    rawBucket: opened.topology.buckets.raw,
    failed: (error: unknown) => out.note(`The lake's raw folder could not be looked through: ${String(error)}`),
  };
  out.note(`Files put into ${drop.shown} come into the lake ${opened.lake.shown}. Ctrl-C stops.`);
  if (ports !== undefined)
    out.note(
      out.noteStyle.dim(
        `Health: http://127.0.0.1:${ports.ingest}/status (ingestor) to ${ports.catalog} (catalog-sync)`,
      ),
    );
  await allUntil(session.signal, [
    async (signal) => dropWatch.run(signal),
    async (signal) => mendRaw(mend, signal),
    async (signal) => reconcileHourly(opened, out, signal),
    async (signal) => screen.run({ opened, failed: () => session.watch.failed(), drop: dropWatch.counts }, signal),
  ]);
  out.note("Finishing what is in hand. Ctrl-C again ends at once.");
}

/** Throws where the file did not get there, whatever the cause. */
async function bring({ opened, signal }: Session, file: DroppedFile): Promise<void> {
  const deps = { s3: opened.s3, bucket: opened.topology.buckets.raw, signal };
  let was: "uploaded" | "same" | undefined;
  await uploadWhatDiffers(deps, [file], (_file, found) => void (was = found));
  if (was === undefined) throw new Error("stopped before it was brought in");
  // No event tells of a file that is there already; but the rules may be others since.
  if (was === "same") await askToLook(opened, [file.key]);
}
