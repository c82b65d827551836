/** `airlake rm KEY…`: takes sources out of the lake, with all their records. */
import { DeleteObjectCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import { httpStatusOf } from "@airlake/shared/errors";
import type { Command } from "commander";

import { CommandError } from "../command-error.ts";
import { type EmbeddedLake, openEmbedded } from "../embedded.ts";
import { examples } from "../examples.ts";
import { type Lake, openLake } from "../lake.ts";
import { folderOf } from "../opened-lake.ts";
import { unknownSource } from "../known-source.ts";
import { type Entry, placeOf, readEntries } from "../ledger.ts";
import { askToLook } from "../pipeline.ts";
import { type Session, sayInterrupted, withServices } from "../session.ts";
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
  const lake = await openLake(folderOf(options.lake, "rm"), "write");
  const wanted = await lookUp(deps, lake, keys);
  if (!options.yes && !(await confirmed(deps, wanted))) {
    deps.out.note("Nothing was removed.");
    return 2;
  }
  const ended = await withServices(deps, { lake, options }, async (session) => remove(session, keys));
  if (ended.kind === "interrupted") {
    sayInterrupted(deps);
    return ended.exitCode;
  }
  const left = ended.value;
  if (left.length > 0) {
    const named = left.map(printable).join(", ");
    throw new CommandError(
      `Not yet out of the lake: ${named}.`,
      "Give the same command again; .airlake/log.ndjson in the lake's folder says why.",
    );
  }
  print(deps, wanted, options.json);
  return 0;
}

/** What each key has in the lake. Throws CommandError for a key that is not there, naming what is near; then nothing is removed. */
async function lookUp(deps: VerbDeps, lake: Lake, keys: readonly string[]): Promise<readonly Removed[]> {
  await using opened = await openEmbedded(lake, deps.clock);
  const entries = await readEntries(placeOf(opened), opened.topology.buckets.raw, keys);
  const found: Removed[] = [];
  for (const key of keys) {
    const entry = entries.get(key);
    if (isOut(entry) && !(await isThere(opened, key))) throw await unknownSource(opened, key);
    found.push({ key, records: entry?.cleaner?.counts?.kept ?? 0 });
  }
  return found;
}

async function isThere(opened: EmbeddedLake, key: string): Promise<boolean> {
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

/** Removes the raw objects, waits for the pipeline, and gives the keys whose records are still there. */
async function remove(session: Session, keys: readonly string[]): Promise<readonly string[]> {
  const { opened } = session;
  for (const key of keys)
    await opened.s3.send(new DeleteObjectCommand({ Bucket: opened.topology.buckets.raw, Key: key }));
  // A file that somebody took out of the lake's folder by hand told nobody.
  await askToLook(opened, keys);
  const stillIn = async (): Promise<readonly string[]> => {
    const entries = await readEntries(placeOf(opened), opened.topology.buckets.raw, keys);
    return keys.filter((key) => !isOut(entries.get(key)));
  };
  await session.rest(keys, async () => (await stillIn()).length === 0);
  return stillIn();
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
