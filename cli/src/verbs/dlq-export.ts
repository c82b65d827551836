/** `airlake dlq export FILE`: dead messages and their failure records, one JSON object a line. */
import { rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Command } from "commander";

import { type Dead, bodyOf, correlationIdOf } from "../dlq/dead.ts";
import { type FilterOptions, addFilter, filtered } from "../dlq/filter.ts";
import { recorded, scanned } from "../dlq/find-dead.ts";
import { examples } from "../examples.ts";
import { openAnyLake } from "../opened-lake.ts";
import { type TargetFile, checkTarget, putInPlace } from "../target-file.ts";
import { counted } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface ExportOptions extends LakeOptions, FilterOptions {
  readonly scan: boolean;
  readonly force: boolean;
}

export function addDlqExport(dlq: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  const verb = dlq
    .command("export")
    .summary("write dead messages to a file of JSON lines")
    .description(
      "Writes dead messages to a file, one JSON object a line: stage, reason, times, keys, failure record, text.",
    )
    .argument("<file>", "FILE.ndjson; - writes to standard output");
  addFilter(verb, () => deps.clock.now())
    .option("--scan", "receive from the queues: whole texts, and messages without a failure record", false)
    .option("--force", "replace a file that is there", false)
    .addHelpText(
      "after",
      examples([
        ["airlake dlq export dead.ndjson", ""],
        ["airlake dlq export dead.ndjson --stage cleaner --scan", ""],
        ["airlake dlq export - --since 1d | head -1", ""],
      ]),
    )
    .action(async (file: string, _options: unknown, command: Command) => {
      finish(await exportAll(deps, file, command.optsWithGlobals<ExportOptions>()));
    });
}

async function exportAll(deps: VerbDeps, file: string, options: ExportOptions): Promise<ExitCode> {
  await using opened = await openAnyLake(options.lake, "read", deps.clock);
  const dead = filtered(await (options.scan ? scanned(deps, opened, options) : recorded(opened)), options);
  const text = dead.map((one) => `${JSON.stringify(lineOf(one))}\n`).join("");
  if (file === "-") {
    await deps.out.write(text);
    return 0;
  }
  await writeWhole({ file, force: options.force }, text);
  if (options.json) deps.out.line(JSON.stringify({ file, messages: dead.length }));
  else deps.out.line(`${counted(dead.length, "dead message")} written to ${file}`);
  return 0;
}

function lineOf(dead: Dead): Readonly<Record<string, unknown>> {
  const { id, stage, reason, at, dropsAt, keys, failure, message } = dead;
  return {
    ...{ id, stage, reason, at, dropsAt, keys },
    correlationId: correlationIdOf(dead),
    messageId: message?.MessageId ?? failure?.record.messageId ?? null,
    attributes: attributesOf(dead),
    failureKey: failure?.key ?? null,
    record: failure?.record ?? null,
    body: bodyOf(dead),
  };
}

function attributesOf({ message, failure }: Dead): Readonly<Record<string, string>> {
  if (message === undefined) return failure?.record.attributes ?? {};
  const named = Object.entries(message.MessageAttributes ?? {});
  return Object.fromEntries(named.map(([name, { StringValue }]) => [name, StringValue ?? ""]));
}

/** The file appears whole or not at all. */
async function writeWhole(target: TargetFile, text: string): Promise<void> {
  await checkTarget(target);
  const beside = join(dirname(target.file), `.${basename(target.file)}.${process.pid}.tmp`);
  try {
    await writeFile(beside, text);
    await putInPlace(beside, target);
  } finally {
    await rm(beside, { force: true });
  }
}
