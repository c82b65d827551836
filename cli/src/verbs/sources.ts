/** `airlake sources`: every source that the lake knows, from the ledger. */
import type { Command } from "commander";

import { partitionCount } from "../account.ts";
import { byKey } from "../named-sources.ts";
import { examples } from "../examples.ts";
import { typed } from "../hint.ts";
import { type OpenedLake, openAnyLake } from "../opened-lake.ts";
import { type Entry, listEntries, placeOf, standingOf } from "../ledger.ts";
import { withoutSharedFolder } from "../key-names.ts";
import { type Column, fitsUncut, renderTable } from "../table.ts";
import { counted, grouped, printable, shortTime, wrapped } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface SourcesOptions extends LakeOptions {
  readonly all: boolean;
}

/** One source as `--json` prints it. */
interface SourceLine {
  readonly key: string;
  readonly dataset: string;
  readonly sourceId: string;
  /** current, rejected (with its reason) or retracted; new: begun and not finished. */
  readonly state: string;
  readonly reason?: string;
  /** The same as a sentence. */
  readonly detail?: string;
  /** The counts are those of an older version, because the newest was rejected. */
  readonly stale: boolean;
  readonly format: string | null;
  readonly read: number;
  readonly kept: number;
  readonly quarantined: number;
  readonly partitions: number;
  readonly committedAt: string | null;
}

export function addSources(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description(
      "Lists every source in the lake: what state it is in, what was read, kept and quarantined of it, and when.",
    )
    .option("--all", "also those that were removed", false)
    .addHelpText(
      "after",
      examples(
        [
          ["airlake sources", ""],
          ["airlake sources --json", "an array with one object for each source"],
        ],
        "States: current; rejected (its newest version is no good; with 'stale' the\nrows of the last good one are still there); removed.",
      ),
    )
    .action(async (_options: unknown, command: Command) => {
      finish(await sources(deps, command.optsWithGlobals<SourcesOptions>()));
    });
}

async function sources(deps: VerbDeps, options: SourcesOptions): Promise<ExitCode> {
  await using opened = await openAnyLake(options.lake, "read", deps.clock);
  const all: SourceLine[] = [];
  for await (const entry of listEntries(placeOf(opened))) all.push(lineOf(entry));
  const shown = all.filter((line) => options.all || line.state !== "retracted").toSorted(byKey);
  if (options.json) deps.out.line(JSON.stringify(shown));
  else print(deps, shown, { hidden: all.length - shown.length, opened });
  return 0;
}

function lineOf({ cleaner, joiner }: Entry & { readonly cleaner: NonNullable<Entry["cleaner"]> }): SourceLine {
  const { read, kept, quarantined } = cleaner.counts ?? { read: 0, kept: 0, quarantined: 0 };
  return {
    key: cleaner.source.key,
    dataset: cleaner.dataset,
    sourceId: cleaner.sourceId,
    ...standingOf({ cleaner, joiner }),
    format: cleaner.format,
    read,
    kept,
    quarantined,
    partitions: partitionCount(joiner),
    committedAt: cleaner.committedAt,
  };
}

function print(
  { out }: VerbDeps,
  shown: readonly SourceLine[],
  { hidden, opened }: { readonly hidden: number; readonly opened: OpenedLake },
): void {
  if (shown.length === 0) {
    const bring = typed(opened.lake === undefined ? "airlake put YOUR_FILES" : "airlake run YOUR_FILES", opened.shown);
    out.line(`The lake has no sources yet. Bring some in with: ${bring}`);
  } else printTable(out, shown);
  for (const { key, reason, detail } of shown.filter((line) => line.reason !== undefined)) {
    out.line(`\n${out.style.red("rejected")} ${printable(key)} (${reason})`);
    for (const text of wrapped(printable(detail ?? ""), Math.min(out.columns, 100), "  ")) out.line(text);
  }
  if (hidden > 0) out.line(out.style.dim(`${counted(hidden, "removed source")} not shown; see --all`));
}

function printTable(out: VerbDeps["out"], shown: readonly SourceLine[]): void {
  const full = tableOf(shown, { folder: "", names: shown.map(({ key }) => key) });
  const isWide = fitsUncut(full.columns, full.rows, out.columns);
  const table = isWide ? full : narrowed(tableOf(shown, withoutSharedFolder(shown.map(({ key }) => key))));
  const lines = renderTable(table.columns, table.rows, { width: out.columns, title: out.style.dim });
  for (const [at, text] of lines.entries()) out.line(shown[at - 1]?.state === "rejected" ? out.style.red(text) : text);
}

interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

function tableOf(shown: readonly SourceLine[], keys: ReturnType<typeof withoutSharedFolder>): Table {
  const columns: readonly Column[] = [
    { title: keys.folder === "" ? "source" : `in ${printable(keys.folder)}`, shrinks: true },
    { title: "state" },
    { title: "format", shrinks: true },
    { title: "read", align: "right" },
    { title: "kept", align: "right" },
    { title: "quarantined", align: "right" },
    { title: "partitions", align: "right" },
    { title: "since (UTC)" },
  ];
  const rows = shown.map((line, at) => [
    printable(keys.names[at] ?? line.key),
    stateOf(line),
    line.format ?? "–",
    ...[line.read, line.kept, line.quarantined, line.partitions].map(grouped),
    shortTime(line.committedAt),
  ]);
  return { columns, rows };
}

/** Without what a narrow terminal can best do without; `--json` has it all. */
function narrowed({ columns, rows }: Table): Table {
  return { columns: columns.slice(0, -2), rows: rows.map((row) => row.slice(0, -2)) };
}

function stateOf(line: SourceLine): string {
  if (line.state === "retracted") return "removed";
  return line.stale ? `${line.state}, stale` : line.state;
}
