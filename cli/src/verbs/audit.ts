/** `airlake audit`: what operators did to the lake. */
import type { AuditRecord } from "@airlake/shared/contracts/audit";
import type { Command } from "commander";

import { readAudit } from "../audit.ts";
import { CommandError } from "../command-error.ts";
import { timeIn } from "../dlq/filter.ts";
import { positive } from "../dlq/numbers.ts";
import { examples } from "../examples.ts";
import { typed } from "../hint.ts";
import { placeOf } from "../ledger.ts";
import { openAnyLake } from "../opened-lake.ts";
import { renderTable } from "../table.ts";
import { counted, grouped, printable, shortTime } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

interface AuditOptions extends LakeOptions {
  readonly action?: string;
  readonly since?: string;
  readonly limit: number;
}

export function addAudit(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description(
      "Lists what operators did to the lake: who, when, to what, why and with what outcome; or all about one action.",
    )
    .argument("[id]", "one action, by its id or the beginning of it")
    .option("--action <action>", "only these: dlq-replay, dlq-discard, dlq-drop, …")
    .option("--since <time>", "only since: 2h, 3d, or 2026-11-21T15:00Z", (text: string) =>
      timeIn(text, deps.clock.now()),
    )
    .option("--limit <n>", "at most so many, the newest first", positive, 50)
    .addHelpText(
      "after",
      examples([
        ["airlake audit", ""],
        ["airlake audit 5b1c", "one of them, message by message"],
        ["airlake audit --since 7d --json", ""],
      ]),
    )
    .action(async (id: string | undefined, _options: unknown, command: Command) => {
      finish(await audit(deps, id, command.optsWithGlobals<AuditOptions>()));
    });
}

async function audit(deps: VerbDeps, id: string | undefined, options: AuditOptions): Promise<ExitCode> {
  const { out } = deps;
  await using opened = await openAnyLake(options.lake, "read", deps.clock);
  const all = (await readAudit(placeOf(opened))).filter((record) => isMeant(record, id, options));
  const records = all.slice(0, options.limit);
  const [only] = records;
  if (id !== undefined && (only === undefined || all.length > 1))
    throw new CommandError(
      `${only === undefined ? "No action begins" : `${all.length} actions begin`} with ${printable(id)}.`,
      `See them with: ${typed("airlake audit", options.lake)}`,
    );
  if (options.json) out.line(JSON.stringify(id === undefined ? records : only));
  else if (only === undefined) out.line("Nothing was done to this lake by an operator that leaves a record.");
  else if (id === undefined) printAll(out, records, all.length);
  else printOne(out, only);
  return 0;
}

function isMeant(record: AuditRecord, id: string | undefined, { action, since }: AuditOptions): boolean {
  if (id !== undefined) return record.id.startsWith(id);
  return (action === undefined || record.action === action) && (since === undefined || record.at >= since);
}

function printAll(out: VerbDeps["out"], records: readonly AuditRecord[], found: number): void {
  const columns = [
    { title: "id" },
    { title: "when (UTC)" },
    { title: "who", shrinks: true },
    { title: "action" },
    { title: "outcome" },
    { title: "counts", shrinks: true },
    { title: "what, why", shrinks: true },
  ];
  const rows = records.map((record) => [
    record.id,
    shortTime(record.at),
    printable(record.by.user),
    record.action,
    record.outcome,
    countsText(record),
    printable(whatText(record)),
  ]);
  for (const text of renderTable(columns, rows, { width: out.columns, title: out.style.dim })) out.line(text);
  if (found > records.length)
    out.line(out.style.dim(`${counted(found - records.length, "more", "more")}; see --limit`));
}

function countsText({ counts }: AuditRecord): string {
  return Object.entries(counts)
    .map(([word, count]) => `${grouped(count)} ${word}`)
    .join(", ");
}

function whatText({ filter, because }: AuditRecord): string {
  const which = Object.entries(filter).map(([name, value]) => `${name} ${value}`);
  return [...(because === undefined ? [] : [`“${because}”`]), ...which].join(", ");
}

function printOne(out: VerbDeps["out"], record: AuditRecord): void {
  const { by } = record;
  const lines: readonly (readonly [string, string | undefined])[] = [
    ["action", `${record.action}, ${record.outcome}`],
    ["detail", record.detail],
    ["who", [by.user, by.awsProfile, by.awsRole, by.awsSession].filter((one) => one !== undefined).join(", ")],
    ["when", `${record.at}${record.endedAt === undefined ? "" : ` to ${record.endedAt}`}`],
    ["which", whatText(record)],
    ["plan", record.planHash],
    ["counts", countsText(record)],
  ];
  out.line(out.style.bold(record.id));
  for (const [name, text] of lines)
    if (text !== undefined && text !== "") out.line(`  ${name.padEnd(8)} ${printable(text)}`);
  out.line();
  const columns = [
    { title: "message" },
    { title: "stage" },
    { title: "reason" },
    { title: "source", shrinks: true },
    { title: "result", shrinks: true },
  ];
  const rows = record.items.map((item) =>
    [item.id, item.stage, item.reason, item.keys[0] ?? "–", item.result].map(printable),
  );
  for (const text of renderTable(columns, rows, { width: out.columns, title: out.style.dim })) out.line(text);
}
