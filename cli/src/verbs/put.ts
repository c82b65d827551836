/** `airlake put PATH…`: files into a lake whose services run by themselves. */
import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";

import { awsPrefixOf } from "../aws-lake.ts";
import { CommandError } from "../command-error.ts";
import { healthIn } from "../config.ts";
import { defaultDataset, knownDatasets } from "../datasets.ts";
import { examples } from "../examples.ts";
import { typed } from "../hint.ts";
import { nameSources } from "../named-sources.ts";
import { type OpenedLake, openAnyLake } from "../opened-lake.ts";
import { createProgress } from "../progress.ts";
import { type PutFile, putFiles, untilFatesKnown } from "../put-files.ts";
import { type Before, noteBefore } from "../run-files.ts";
import { askServices } from "../status/ask-services.ts";
import { parseAddresses, usualAddresses } from "../status/health-addresses.ts";
import { counted, grouped, lasted, printable, sized } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";
import { printReport, saySkipped } from "./run.ts";

interface PutOptions extends LakeOptions {
  readonly prefix: string;
  readonly wait: boolean;
  /** Seconds. */
  readonly timeout: number;
}

/** S3 takes no more in one request, and no source may be larger. */
const largestBytes = 5_000_000_000;
/** A service that is there answers at once. */
const askedForMs = 10_000;
/** Files on the screen. */
const shownAtMost = 20;

export function addPut(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description(
      "Brings files into a lake whose services run by themselves: those of compose or AWS, or a running airlake up. " +
        "Only what differs is sent; a changed file replaces exactly its own records.",
    )
    .argument("<path...>", "files, folders (with all in them) or quoted patterns such as 'day/*.csv.gz'")
    .option("--prefix <keys>", "what the keys begin with; its first part names the dataset", defaultDataset)
    .option("--wait", "wait until it is known what became of every record, and print it as `airlake run` does", false)
    .option("--timeout <seconds>", "with --wait: wait no longer", seconds, 600)
    .addHelpText(
      "after",
      examples(
        [
          ["airlake put day.csv.gz --lake aws:airlake", "becomes openaq/day.csv.gz"],
          ["airlake put 2018/ --prefix openaq/archive", "becomes openaq/archive/2018/…"],
          ["airlake put day.csv.gz --wait", "until its records can be asked for"],
        ],
        "Ends with 0 when all is there; with --wait, with 1 when a file was rejected or\nis not through in time. Ctrl-C stops; the same command goes on where it stopped.",
      ),
    )
    .action(async (paths: readonly string[], _options: unknown, command: Command) => {
      finish(await put(deps, paths, command.optsWithGlobals<PutOptions>()));
    });
}

function seconds(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number of seconds, from 1.");
}

async function put(deps: VerbDeps, paths: readonly string[], options: PutOptions): Promise<ExitCode> {
  const startedMs = deps.clock.monotonicMs();
  const { dataset, below } = await placeIn(options.prefix);
  const lakeFolder = awsPrefixOf(options.lake) === undefined ? resolve(options.lake) : undefined;
  // All names are known to be good before the lake is touched.
  const named = await nameSources(paths, { dataset, below, lakeFolder });
  const large = named.sources.find(({ sizeBytes }) => sizeBytes > largestBytes);
  if (large !== undefined)
    throw new CommandError(
      `${large.path} has ${sized(large.sizeBytes)}, and a source may have ${sized(largestBytes)} at most.`,
      "Compress it or take it apart; nothing was uploaded.",
    );
  saySkipped(deps, named);
  await using opened = await openAnyLake(options.lake, "write", deps.clock);
  using interruption = deps.interruption();
  const { signal } = interruption;
  try {
    const keys = named.sources.map(({ key }) => key);
    await sayWhoWorks(deps, opened, options);
    const before: Before = options.wait ? await noteBefore(opened, keys) : nothingNoted;
    using progress = createProgress(deps.out, deps.clock);
    const bring = { opened, progress, signal };
    const files = await putFiles(bring, named.sources);
    if (signal.aborted) return stopped(deps, interruption.exitCode());
    if (!options.wait) {
      print(deps, files, { opened, json: options.json });
      return 0;
    }
    const fates = await untilFatesKnown({ ...bring, clock: deps.clock }, before, options.timeout * 1000);
    progress[Symbol.dispose]();
    if (signal.aborted) return stopped(deps, interruption.exitCode());
    const code = printReport(deps, fates.report, {
      ...options,
      seconds: (deps.clock.monotonicMs() - startedMs) / 1000,
    });
    if (fates.open > 0) sayOpen(deps, fates.open, options);
    return code;
  } catch (error) {
    // What was under way when the wish came ends with errors of all kinds: they are no news.
    if (signal.aborted && !(error instanceof CommandError)) return stopped(deps, interruption.exitCode());
    throw error;
  }
}

/** In a folder the services run only while somebody has started them; they may answer at other ports than the usual ones, so it waits all the same. */
async function sayWhoWorks({ out, clock }: VerbDeps, opened: OpenedLake, options: PutOptions): Promise<void> {
  if (!options.wait || opened.lake === undefined) return;
  const given = healthIn();
  const addresses = given === undefined ? usualAddresses("folder") : parseAddresses(given);
  const asked = { clock, topology: opened.topology, signal: AbortSignal.timeout(askedForMs) };
  const services = await askServices(asked, addresses);
  if (services.some(({ at }) => at !== null)) return;
  out.note(
    `Nobody seems to work on this lake: no service answers. Start them with ${typed("airlake up", options.lake)}; waits for ${lasted(options.timeout)} at most.`,
  );
}

const nothingNoted: Before = { keys: [], entries: new Map(), at: new Date(0) };

/** `openaq/archive` is dataset `openaq`, and `archive/` below it. Throws CommandError for a dataset that there is none of. */
async function placeIn(prefix: string): Promise<{ readonly dataset: string; readonly below: string }> {
  const [dataset = "", ...folders] = prefix.replace(/\/$/, "").split("/");
  const known = (await knownDatasets()).map(({ name }) => name);
  if (!known.includes(dataset))
    throw new CommandError(
      `There is no dataset ${printable(JSON.stringify(dataset))}, so what is put there would be rejected.`,
      `Begin the prefix with one of: ${known.join(", ")}. Nothing was uploaded.`,
    );
  if (folders.some((folder) => folder === "" || folder === "." || folder === ".."))
    throw new CommandError(
      `${printable(prefix)} is no prefix of keys: a part of it is empty or made of dots.`,
      `Give it as in --prefix ${dataset}/2018. Nothing was uploaded.`,
    );
  return { dataset, below: folders.map((folder) => `${folder}/`).join("") };
}

function stopped({ out }: VerbDeps, code: ExitCode): ExitCode {
  out.note("Stopped. What was brought in stays; give the same command again for the rest.");
  return code;
}

function sayOpen({ out }: VerbDeps, open: number, options: PutOptions): void {
  out.note(
    `${counted(open, "source")} not through after ${lasted(options.timeout)}. Whether the services are at work: ${typed("airlake status", options.lake)}`,
  );
}

function print(
  { out }: VerbDeps,
  files: readonly PutFile[],
  { opened, json }: { readonly opened: OpenedLake; readonly json: boolean },
): void {
  const sent = files.filter(({ was }) => was === "uploaded");
  const bytes = sent.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (json) return out.line(JSON.stringify({ lake: opened.shown, files, bytes }));
  for (const { key, sizeBytes, was } of files.slice(0, shownAtMost))
    out.line(
      was === "same"
        ? out.style.dim(`as it was  ${printable(key)}`)
        : `put        ${printable(key)} (${sized(sizeBytes)})`,
    );
  if (files.length > shownAtMost)
    out.line(out.style.dim(`… and ${counted(files.length - shownAtMost, "more", "more")}`));
  const same = files.length - sent.length;
  const rest = same === 0 ? "" : `, ${grouped(same)} as ${same === 1 ? "it was" : "they were"}`;
  out.line(out.style.bold(`${counted(sent.length, "file")} put (${sized(bytes)})${rest}`));
  out.line(
    out.style.dim(
      opened.lake === undefined
        ? `what becomes of them: ${typed("airlake status --watch", opened.shown)}, then ${typed("airlake sources", opened.shown)}`
        : `a running airlake up takes them at once, else the next: ${typed("airlake run", opened.shown)}`,
    ),
  );
}
