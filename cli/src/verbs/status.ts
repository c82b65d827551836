/** `airlake status`: how the lake is, on one screen. */
import type { QueueRole } from "@airlake/shared/contracts/topology";
import { queueRoles } from "@airlake/shared/contracts/topology";
import type { Command } from "commander";

import { type EmbeddedLake, openEmbedded } from "../embedded.ts";
import { examples } from "../examples.ts";
import { openLake, sizeOnDisk } from "../lake.ts";
import { folderOf } from "../opened-lake.ts";
import { listEntries, placeOf } from "../ledger.ts";
import { depthOf } from "../pipeline.ts";
import { renderTable } from "../table.ts";
import { counted, grouped, shortTime, sized } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";

/** The whole of `--json`. */
interface Status {
  readonly lake: string;
  readonly sizeBytes: number;
  /** Sources by state; `stale` are those among the rejected whose last good version is still shown. */
  readonly sources: {
    readonly current: number;
    readonly rejected: number;
    readonly stale: number;
    readonly retracted: number;
    readonly new: number;
  };
  readonly records: { readonly read: number; readonly kept: number; readonly quarantined: number };
  readonly lastCommit: string | null;
  readonly queues: readonly QueueStatus[];
}

interface QueueStatus {
  readonly queue: QueueRole;
  readonly waiting: number;
  readonly inHand: number;
  readonly parked: number;
}

export function addStatus(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description("Shows how the lake is: its size, its sources by state, its records, and what is on the queues.")
    .addHelpText(
      "after",
      examples([
        ["airlake status", ""],
        ["airlake status --json | jq .records", ""],
      ]),
    )
    .action(async (_options: unknown, command: Command) => {
      finish(await status(deps, command.optsWithGlobals<LakeOptions>()));
    });
}

async function status(deps: VerbDeps, options: LakeOptions): Promise<ExitCode> {
  await using opened = await openEmbedded(await openLake(folderOf(options.lake, "status"), "read"), deps.clock);
  const found = await lookAt(opened);
  if (options.json) deps.out.line(JSON.stringify(found));
  else print(deps, found);
  return 0;
}

async function lookAt(opened: EmbeddedLake): Promise<Status> {
  const sources = { current: 0, rejected: 0, stale: 0, retracted: 0, new: 0 };
  const records = { read: 0, kept: 0, quarantined: 0 };
  let lastCommit: string | null = null;
  for await (const { cleaner, joiner } of listEntries(placeOf(opened))) {
    sources[cleaner.state] += 1;
    if (cleaner.stale) sources.stale += 1;
    records.read += cleaner.counts?.read ?? 0;
    records.kept += cleaner.counts?.kept ?? 0;
    records.quarantined += cleaner.counts?.quarantined ?? 0;
    for (const at of [cleaner.committedAt, joiner?.committedAt ?? null]) lastCommit = later(lastCommit, at);
  }
  const queues = await Promise.all(queueRoles.map(async (role) => queueStatus(opened, role)));
  return {
    lake: opened.lake.folder,
    sizeBytes: await sizeOnDisk(opened.lake.folder),
    sources,
    records,
    lastCommit,
    queues,
  };
}

async function queueStatus(opened: EmbeddedLake, role: QueueRole): Promise<QueueStatus> {
  const { url, deadLetterUrl } = opened.queues[role];
  const [depth, dead] = await Promise.all([depthOf(opened, url), depthOf(opened, deadLetterUrl)]);
  return { queue: role, ...depth, parked: dead.waiting + dead.inHand };
}

function later(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  return a > b ? a : b;
}

function print({ out }: VerbDeps, found: Status): void {
  const { sources, records } = found;
  const states = [
    `${grouped(sources.current)} current`,
    ...(sources.rejected === 0 ? [] : [out.style.red(`${grouped(sources.rejected)} rejected`)]),
    ...(sources.stale === 0 ? [] : [out.style.yellow(`${grouped(sources.stale)} of them stale`)]),
    ...(sources.retracted === 0 ? [] : [`${grouped(sources.retracted)} removed`]),
    ...(sources.new === 0 ? [] : [`${grouped(sources.new)} unfinished`]),
  ];
  out.line(`${out.style.dim("lake       ")} ${found.lake} (${sized(found.sizeBytes)})`);
  out.line(`${out.style.dim("sources    ")} ${states.join(", ")}`);
  out.line(
    `${out.style.dim("records    ")} ${grouped(records.read)} read = ${grouped(records.kept)} kept + ${grouped(records.quarantined)} quarantined`,
  );
  out.line(
    `${out.style.dim("last change")} ${found.lastCommit === null ? "never" : `${shortTime(found.lastCommit)} UTC`}`,
  );
  out.line();
  const rows = found.queues.map(({ queue, ...counts }) => [
    queue,
    ...[counts.waiting, counts.inHand, counts.parked].map(grouped),
  ]);
  const table = renderTable(
    [
      { title: "queue" },
      { title: "waiting", align: "right" },
      { title: "in hand", align: "right" },
      { title: "parked", align: "right" },
    ],
    rows,
    { width: out.columns, title: out.style.dim },
  );
  for (const text of table) out.line(text);
  sayWhatNext(out, found);
}

function sayWhatNext(out: VerbDeps["out"], { queues }: Status): void {
  const left = queues.reduce((sum, { waiting, inHand }) => sum + waiting + inHand, 0);
  if (left === 0) return;
  out.line();
  out.line(`${counted(left, "message")} of an interrupted or running command; the next run works on them.`);
}
