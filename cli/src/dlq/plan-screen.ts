/** How a plan is shown, and what came of it. */
import type { AuditRecord } from "@airlake/shared/contracts/audit";

import type { Out } from "../out.ts";
import { counted, grouped, printable } from "../text.ts";
import { type Fate, fateCounts } from "./fates.ts";
import { printGroups } from "./ls-screen.ts";
import type { Action, Plan } from "./plan.ts";

const verbs: Readonly<Record<Action, readonly [string, string]>> = {
  replay: ["would be sent again", "sent again"],
  discard: ["would be deleted", "deleted"],
  drop: ["would be deleted from its queue, alive", "deleted"],
};

export function printPlan(out: Out, plan: Plan, now: Date): void {
  printGroups(out, plan.groups, now);
  out.line();
  out.line(`${out.style.bold(counted(plan.messages, "message"))} ${verbs[plan.action][0]}. Nothing was done yet.`);
  const { unchanged = 0, changed = 0, gone = 0, unknown = 0 } = plan.sources;
  const parts: readonly (readonly [number, string])[] = [
    [changed, "changed since"],
    [gone, "gone from raw"],
    [unchanged, "unchanged"],
    [unknown, "not known"],
  ];
  const told = parts.flatMap(([count, what]) => (count === 0 ? [] : [`${grouped(count)} ${what}`]));
  if (told.length > 0) out.line(`Their sources: ${told.join(", ")}.`);
}

/** What an action did, from its audit record. */
export function printDone(out: Out, record: AuditRecord, action: Action): void {
  const { replayed = 0, discarded = 0 } = record.counts;
  const done = (record.counts["sent-not-deleted"] ?? 0) + replayed + discarded;
  out.line(`${out.style.bold(`${grouped(done)} of ${counted(record.items.length, "message")}`)} ${verbs[action][1]}.`);
  for (const [word, sentence] of Object.entries(troubles)) {
    const count = record.counts[word] ?? 0;
    if (count > 0) out.line(out.style.yellow(`${grouped(count)} ${sentence}`));
  }
  const refused = record.items.find(({ result }) => result.startsWith("not-sent"));
  if (refused !== undefined) out.line(`  ${printable(refused.id)}: ${printable(refused.result)}`);
}

const troubles: Readonly<Record<string, string>> = {
  "not-done": "not done: they are where they were.",
  "not-held": "not done: gone meanwhile, or with somebody else.",
  "not-sent": "not sent: the queue did not take them. They stay dead.",
  "sent-not-deleted": "sent, but still in the dead-letter queue as well. To send them twice does no harm.",
  "not-deleted": "not deleted: they are where they were.",
};

/** A line such as `3 succeeded, 1 failed again`, and why those failed. */
export function printFates(out: Out, fates: ReadonlyMap<string, Fate>): void {
  const counts = fateCounts(fates.values());
  const parts: readonly (readonly [number, string])[] = [
    [counts.succeeded, "succeeded"],
    [counts["failed-again"], "failed again"],
    [counts.pending, "pending"],
  ];
  out.line(
    parts.flatMap(([count, what]) => (count === 0 ? [] : [`${grouped(count)} ${what}`])).join(", ") || "none sent",
  );
  const failed = [...fates.values()].filter((fate) => fate.kind === "failed-again");
  for (const { failureId, reason, detail } of failed.slice(0, failuresShown))
    out.line(`  ${failureId} ${out.style.red(printable(reason))} ${printable(detail)}`);
  if (failed.length > failuresShown) out.line(`  … and ${grouped(failed.length - failuresShown)} more: airlake dlq ls`);
}

const failuresShown = 5;
