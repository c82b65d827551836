/** `airlake quarantine ls`: how many records were not kept, by reason and by source. */
import type { Manifest } from "@airlake/shared/contracts/manifest";
import { type Command, InvalidArgumentError } from "commander";

import { summed } from "../account.ts";
import { examples } from "../examples.ts";
import { typed } from "../hint.ts";
import { openAnyLake } from "../opened-lake.ts";
import { listEntries, placeOf } from "../ledger.ts";
import { byKey } from "../named-sources.ts";
import { withoutSharedFolder } from "../key-names.ts";
import {
  type Dimension,
  type RecordGroup,
  dimensionNamed,
  dimensionNames,
  groupRecords,
} from "../quarantine-groups.ts";
import { openQuarantine } from "../quarantine-parts.ts";
import { renderTable } from "../table.ts";
import { counted, grouped, printable, shellWord } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface SourceCounts {
  readonly key: string;
  readonly quarantined: number;
  readonly reasons: Readonly<Record<string, number>>;
}

interface LsOptions extends LakeOptions {
  readonly by?: readonly Dimension[];
}

/** Groups on the screen. */
const shownAtMost = 50;

export function addQuarantineLs(quarantine: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  quarantine
    .command("ls")
    .summary("count quarantined records by reason and source")
    .description(
      "Counts the quarantined records by their first reason, and by source; or by what is asked for. Country and parameter " +
        "are as they were delivered.",
    )
    .option("--by <what>", `${dimensionNames.join(", ")}; several with commas`, dimensions)
    .addHelpText(
      "after",
      examples([
        ["airlake quarantine ls", ""],
        ["airlake quarantine ls --by country,parameter", "where it comes from"],
        ["airlake quarantine ls --json", ""],
      ]),
    )
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<LsOptions>();
      finish(await (options.by === undefined ? ls(deps, options) : lsBy(deps, options, options.by)));
    });
}

function dimensions(text: string): readonly Dimension[] {
  const names = [...new Set(text.split(","))].map((name) => dimensionNamed(name.trim()));
  const known = names.filter((name) => name !== undefined);
  if (known.length === names.length) return known;
  throw new InvalidArgumentError(`It must be of ${dimensionNames.join(", ")}.`);
}

async function lsBy(deps: VerbDeps, options: LsOptions, by: readonly Dimension[]): Promise<ExitCode> {
  const { out } = deps;
  await using opened = await openAnyLake(options.lake, "read", deps.clock);
  const manifests: Manifest[] = [];
  for await (const { cleaner } of listEntries(placeOf(opened)))
    if ((cleaner.counts?.quarantined ?? 0) > 0) manifests.push(cleaner);
  await using parts = await openQuarantine(opened, manifests);
  const groups = await groupRecords(parts, by);
  if (options.json) {
    const named = groups.map(({ values, records, sources }) => ({
      ...Object.fromEntries(by.map((name, at) => [name, values[at] ?? ""])),
      records,
      sources,
    }));
    out.line(JSON.stringify(named));
  } else if (groups.length === 0) out.line("No record is in quarantine.");
  else printGroups(out, by, groups);
  return 0;
}

function printGroups(out: VerbDeps["out"], by: readonly Dimension[], groups: readonly RecordGroup[]): void {
  const columns = [
    ...by.map((title) => ({ title, shrinks: true })),
    { title: "records", align: "right" as const },
    { title: "in" },
  ];
  const rows = groups
    .slice(0, shownAtMost)
    .map(({ values, records, sources }) => [
      ...values.map((value) => (value === "" ? "–" : printable(value))),
      grouped(records),
      counted(sources, "source"),
    ]);
  for (const text of renderTable(columns, rows, { width: out.columns, title: out.style.dim })) out.line(text);
  if (groups.length > shownAtMost)
    out.line(out.style.dim(`… and ${counted(groups.length - shownAtMost, "more group")}: --json has all`));
}

async function ls(deps: VerbDeps, options: LakeOptions): Promise<ExitCode> {
  await using opened = await openAnyLake(options.lake, "read", deps.clock);
  const found: SourceCounts[] = [];
  for await (const { cleaner } of listEntries(placeOf(opened))) {
    const { quarantined, reasons } = cleaner.counts ?? { quarantined: 0, reasons: {} };
    if (quarantined > 0) found.push({ key: cleaner.source.key, quarantined, reasons });
  }
  const sources = found.toSorted(byKey);
  const total = sources.reduce((sum, { quarantined }) => sum + quarantined, 0);
  const reasons = summed(sources.map((source) => source.reasons));
  if (options.json)
    deps.out.line(JSON.stringify({ quarantined: total, reasons: Object.fromEntries(reasons), sources }));
  else print(deps.out, { sources, reasons, lake: opened.shown });
  return 0;
}

/** The most frequent reasons, and how many more there are. */
function mostOf(reasons: Readonly<Record<string, number>>, atMost: number): string {
  const all = summed([reasons]);
  const first = all.slice(0, atMost).map(([reason, count]) => `${reason} ${grouped(count)}`);
  return [...first, ...(all.length > atMost ? [`${grouped(all.length - atMost)} more`] : [])].join(", ");
}

function print(
  out: VerbDeps["out"],
  {
    sources,
    reasons,
    lake,
  }: {
    readonly sources: readonly SourceCounts[];
    readonly reasons: readonly (readonly [string, number])[];
    readonly lake: string;
  },
): void {
  const [first] = sources;
  if (first === undefined) {
    out.line("No record is in quarantine.");
    return;
  }
  const byReason = reasons.map(([reason, count]) => [
    reason,
    grouped(count),
    counted(sources.filter((source) => (source.reasons[reason] ?? 0) > 0).length, "source"),
  ]);
  const options = { width: out.columns, title: out.style.dim };
  for (const text of renderTable(
    [{ title: "reason" }, { title: "records", align: "right" }, { title: "in" }],
    byReason,
    options,
  ))
    out.line(text);
  out.line();
  const { folder, names } = withoutSharedFolder(sources.map(({ key }) => key));
  const bySource = sources.map(({ key, quarantined, reasons: own }, at) => [
    printable(names[at] ?? key),
    grouped(quarantined),
    mostOf(own, out.columns < 110 ? 1 : 3),
  ]);
  const columns = [
    { title: folder === "" ? "source" : `in ${printable(folder)}`, shrinks: true },
    { title: "records", align: "right" as const },
    { title: "most because of" },
  ];
  for (const text of renderTable(columns, bySource, options)) out.line(text);
  out.line();
  out.line(out.style.dim(`their text: ${typed(`airlake quarantine show ${shellWord(printable(first.key))}`, lake)}`));
}
