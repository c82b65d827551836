/** `airlake rm KEY…`: takes sources out of the lake, with all their records. */
import { DeleteObjectCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import { httpStatusOf } from "@airlake/shared/errors";
import type { Command } from "commander";

import { awsPrefixOf } from "../aws-lake.ts";
import { CommandError } from "../command-error.ts";
import { examples } from "../examples.ts";
import { permitRemoval } from "../fuses.ts";
import { typed } from "../hint.ts";
import { openLake } from "../lake.ts";
import { type OpenedLake, openAnyLake } from "../opened-lake.ts";
import { createProgress } from "../progress.ts";
import { unknownSource } from "../known-source.ts";
import { type Entry, placeOf, readEntries } from "../ledger.ts";
import { askToLook } from "../pipeline.ts";
import { type Ended, sayInterrupted, withServices } from "../session.ts";
import { counted, grouped, printable } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface RmOptions extends LakeOptions {
  readonly yes: boolean;
}

/** What is removed of one source. */
interface Removed {
  readonly key: string;
  /** Records that the lake showed of it. */
  readonly records: number;
}

/** How long services that run by themselves are waited for, and how often they are looked after. */
const patienceMs = 300_000;
const lookEveryMs = 500;

export function addRm(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description(
      "Removes sources from the lake: the raw file goes, and with it all of its records, kept and quarantined. " +
        "The file that it was brought in from stays where it is.",
    )
    .argument("<key...>", "keys as `airlake sources` lists them")
    .option("-y, --yes", "do not ask", false)
    .addHelpText(
      "after",
      examples([
        ["airlake rm openaq/measurements.csv", "asks first"],
        ["airlake rm openaq/a.csv openaq/b.csv --yes", "for scripts"],
      ]),
    )
    .action(async (keys: readonly string[], _options: unknown, command: Command) => {
      finish(await rm(deps, [...new Set(keys)], command.optsWithGlobals<RmOptions>()));
    });
}

async function rm(deps: VerbDeps, keys: readonly string[], options: RmOptions): Promise<ExitCode> {
  const isAws = awsPrefixOf(options.lake) !== undefined;
  const wanted = await lookUp(deps, keys, options);
  if (!options.yes && !(await confirmed(deps, wanted))) {
    deps.out.note("Nothing was removed.");
    return 2;
  }
  const ended = isAws ? await removeThere(deps, keys, options) : await removeHere(deps, keys, options);
  if (ended.kind === "interrupted") {
    sayInterrupted(deps);
    return ended.exitCode;
  }
  const left = ended.value;
  if (left.length > 0) {
    const named = left.map(printable).join(", ");
    throw new CommandError(
      `Not yet out of the lake: ${named}.`,
      isAws
        ? `The files are gone, and the records go when the services get to it. How they are: ${typed("airlake status", options.lake)}`
        : "Give the same command again; .airlake/log.ndjson in the lake's folder says why.",
    );
  }
  print(deps, wanted, options.json);
  return 0;
}

/** Runs the services until the sources are out. */
async function removeHere(
  deps: VerbDeps,
  keys: readonly string[],
  options: RmOptions,
): Promise<Ended<readonly string[]>> {
  const lake = await openLake(options.lake, "write");
  return withServices(deps, { lake, options }, async (session) => {
    await deleteAll(session.opened, keys);
    await session.rest(keys, async () => (await stillIn(session.opened, keys)).length === 0);
    return stillIn(session.opened, keys);
  });
}

/** Waits until the services that run there have got to it. */
async function removeThere(
  deps: VerbDeps,
  keys: readonly string[],
  options: RmOptions,
): Promise<Ended<readonly string[]>> {
  const { clock } = deps;
  using interruption = deps.interruption();
  const { signal } = interruption;
  await using opened = await openAnyLake(options.lake, "write", clock);
  using progress = createProgress(deps.out, clock);
  await deleteAll(opened, keys);
  const untilMs = clock.monotonicMs() + patienceMs;
  for (;;) {
    const left = await stillIn(opened, keys);
    if (signal.aborted) return { kind: "interrupted", exitCode: interruption.exitCode() };
    if (left.length === 0 || clock.monotonicMs() > untilMs) return { kind: "ended", value: left };
    await progress.tick(() => `${counted(left.length, "source")} still to be taken out`);
    // The wish to stop ends the pause.
    await clock.sleep(lookEveryMs, signal).catch(() => {});
  }
}

/** What each key has in the lake. Throws CommandError for a key that is not there, naming what is near; then nothing is removed. */
async function lookUp(deps: VerbDeps, keys: readonly string[], options: RmOptions): Promise<readonly Removed[]> {
  await using opened = await openAnyLake(options.lake, "write", deps.clock);
  const entries = await readEntries(placeOf(opened), opened.topology.buckets.raw, keys);
  const found: Removed[] = [];
  for (const key of keys) {
    const entry = entries.get(key);
    if (isOut(entry) && !(await isThere(opened, key))) throw await unknownSource(opened, key);
    found.push({ key, records: entry?.cleaner?.counts?.kept ?? 0 });
  }
  return found;
}

async function isThere(opened: OpenedLake, key: string): Promise<boolean> {
  try {
    await opened.s3.send(new HeadObjectCommand({ Bucket: opened.topology.buckets.raw, Key: key }));
    return true;
  } catch (error) {
    if (httpStatusOf(error) === 404 || httpStatusOf(error) === 400) return false;
    throw error;
  }
}

async function confirmed(deps: VerbDeps, wanted: readonly Removed[]): Promise<boolean> {
  if (!deps.input.interactive) {
    throw new CommandError(
      "There is no terminal to ask on, so nothing was removed.",
      "Add --yes to remove without being asked.",
    );
  }
  for (const { key, records } of wanted.slice(0, 20))
    deps.out.note(`  ${printable(key)}  ${counted(records, "record")}`);
  if (wanted.length > 20) deps.out.note(`  … and ${grouped(wanted.length - 20)} more`);
  const total = wanted.reduce((sum, { records }) => sum + records, 0);
  const answer = await deps.input.ask(
    `Remove ${counted(wanted.length, "source")} with ${counted(total, "record")} from the lake? [y/N] `,
  );
  return /^y(es)?$/i.test(answer.trim());
}

/** Removes the raw objects. */
async function deleteAll(opened: OpenedLake, keys: readonly string[]): Promise<void> {
  await permitRemoval(opened, keys);
  for (const key of keys)
    await opened.s3.send(new DeleteObjectCommand({ Bucket: opened.topology.buckets.raw, Key: key }));
  // A file that somebody took out of the lake's folder by hand told nobody.
  await askToLook(opened, keys);
}

/** The keys whose records are still there. */
async function stillIn(opened: OpenedLake, keys: readonly string[]): Promise<readonly string[]> {
  const entries = await readEntries(placeOf(opened), opened.topology.buckets.raw, keys);
  return keys.filter((key) => !isOut(entries.get(key)));
}

/** Neither stage has anything of the source any more. */
function isOut(entry: Entry | undefined): boolean {
  return [entry?.cleaner, entry?.joiner].every((manifest) => manifest === undefined || manifest.state === "retracted");
}

function print({ out }: VerbDeps, removed: readonly Removed[], json: boolean): void {
  const total = removed.reduce((sum, { records }) => sum + records, 0);
  if (json) {
    out.line(JSON.stringify({ removed, records: total }));
    return;
  }
  for (const { key, records } of removed)
    out.line(`removed ${printable(key)}: ${counted(records, "record")} went with it`);
  if (removed.length > 1) out.line(out.style.bold(`${counted(removed.length, "source")}, ${counted(total, "record")}`));
}
