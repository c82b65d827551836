/** `airlake quarantine export FILE`: all quarantined records in one file. */
import { createReadStream } from "node:fs";
import { copyFile, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Manifest } from "@airlake/shared/contracts/manifest";
import { codeOf } from "@airlake/shared/errors";
import type { Command } from "commander";

import { CommandError } from "../command-error.ts";
import { examples } from "../examples.ts";
import { openAnyLake } from "../opened-lake.ts";
import { listEntries, placeOf } from "../ledger.ts";
import { copyRecords, openQuarantine } from "../quarantine-parts.ts";
import { counted } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

export function addQuarantineExport(quarantine: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  quarantine
    .command("export")
    .summary("write all quarantined records to a CSV or Parquet file")
    .description(
      "Writes all quarantined records, with their source, number, reasons and text as delivered, to one file.",
    )
    .argument("<file>", "FILE.csv or FILE.parquet; - writes CSV to standard output")
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
      finish(await exportAll(deps, file, command.optsWithGlobals<LakeOptions>()));
    });
}

async function exportAll(deps: VerbDeps, file: string, options: LakeOptions): Promise<ExitCode> {
  const format = formatOf(file);
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
  await putAt(written, file);
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

/** The file appears whole or not at all. */
async function putAt(from: string, to: string): Promise<void> {
  const beside = join(dirname(to), `.${basename(to)}.${process.pid}.tmp`);
  try {
    await copyFile(from, beside);
    await rename(beside, to);
  } catch (error) {
    await unlink(beside).catch(() => {});
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "EISDIR") throw error;
    const why = codeOf(error) === "EISDIR" ? "it is a folder" : "its folder is not there";
    throw new CommandError(`${to} cannot be written: ${why}.`, "Give the path of a file in a folder that is there.", {
      cause: error,
    });
  }
}
