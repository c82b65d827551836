/** `airlake quarantine export FILE`: all quarantined records in one file. */
import { createReadStream } from "node:fs";
import { copyFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Manifest } from "@airlake/shared/contracts/manifest";
import type { Command } from "commander";

import { CommandError, diskFault } from "../command-error.ts";
import { examples } from "../examples.ts";
import { openAnyLake } from "../opened-lake.ts";
import { listEntries, placeOf } from "../ledger.ts";
import { copyRecords, openQuarantine } from "../quarantine-parts.ts";
import { type TargetFile, checkTarget, putInPlace } from "../target-file.ts";
import { counted } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface ExportOptions extends LakeOptions {
  readonly force: boolean;
}

export function addQuarantineExport(quarantine: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  quarantine
    .command("export")
    .summary("write all quarantined records to a CSV or Parquet file")
    .description(
      "Writes all quarantined records, with their source, number, reasons and text as delivered, to one file.",
    )
    .argument("<file>", "FILE.csv or FILE.parquet; - writes CSV to standard output")
    .option("--force", "replace a file that is there", false)
    .addHelpText(
      "after",
      examples(
        [
          ["airlake quarantine export bad-records.csv", ""],
          ["airlake quarantine export bad-records.parquet", ""],
          ["airlake quarantine export - | head", ""],
        ],
        "Columns: key, record (its number in the source), format, reason (the first), reasons, original.",
      ),
    )
    .action(async (file: string, _options: unknown, command: Command) => {
      finish(await exportAll(deps, file, command.optsWithGlobals<ExportOptions>()));
    });
}

async function exportAll(deps: VerbDeps, file: string, options: ExportOptions): Promise<ExitCode> {
  const format = formatOf(file);
  const target = { file, force: options.force };
  if (file !== "-") await checkTarget(target);
  await using opened = await openAnyLake(options.lake, "read", deps.clock);
  const manifests: Manifest[] = [];
  for await (const { cleaner } of listEntries(placeOf(opened)))
    if ((cleaner.counts?.quarantined ?? 0) > 0) manifests.push(cleaner);
  await using parts = await openQuarantine(opened, manifests);
  const written = await copyRecords(parts, format);
  if (file === "-") {
    for await (const chunk of createReadStream(written)) await deps.out.write(chunk);
    return 0;
  }
  await putAt(written, target);
  const records = manifests.reduce((sum, { counts }) => sum + (counts?.quarantined ?? 0), 0);
  if (options.json) deps.out.line(JSON.stringify({ file, format, records, sources: manifests.length }));
  else deps.out.line(`${counted(records, "record")} of ${counted(manifests.length, "source")} written to ${file}`);
  return 0;
}

function formatOf(file: string): "csv" | "parquet" {
  if (file === "-" || file.endsWith(".csv")) return "csv";
  if (file.endsWith(".parquet")) return "parquet";
  throw new CommandError(
    `${file} says neither .csv nor .parquet.`,
    "Name the file so that it ends in one of them, or give - for standard output.",
  );
}

/** Copied beside it first: the scratch folder may be on another disk. */
async function putAt(from: string, target: TargetFile): Promise<void> {
  const beside = join(dirname(target.file), `.${basename(target.file)}.${process.pid}.tmp`);
  try {
    await copyFile(from, beside);
    await putInPlace(beside, target);
  } catch (error) {
    throw diskFault(error) ?? error;
  } finally {
    // Where it was moved it is gone already.
    await rm(beside, { force: true });
  }
}
