/** `airlake quarantine ls`: how many records were not kept, by reason and by source. */
import type { Command } from "commander";

import { summed } from "../account.ts";
import { examples } from "../examples.ts";
import { typed } from "../hint.ts";
import { openAnyLake } from "../opened-lake.ts";
import { listEntries, placeOf } from "../ledger.ts";
import { byKey } from "../named-sources.ts";
import { withoutSharedFolder } from "../key-names.ts";
import { renderTable } from "../table.ts";
import { counted, grouped, printable, shellWord } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface SourceCounts {
  readonly key: string;
  readonly quarantined: number;
  readonly reasons: Readonly<Record<string, number>>;
}

export function addQuarantineLs(quarantine: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  quarantine
    .command("ls")
    .summary("count quarantined records by reason and source")
    .description("Counts the quarantined records by their first reason, and by source.")
    .addHelpText(
      "after",
      examples([
        ["airlake quarantine ls", ""],
        ["airlake quarantine ls --json", ""],
      ]),
    )
    .action(async (_options: unknown, command: Command) => {
      finish(await ls(deps, command.optsWithGlobals<LakeOptions>()));
    });
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
