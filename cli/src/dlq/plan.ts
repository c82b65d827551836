/** What an action would do, for a person to review; its hash names exactly that set of messages. */
import { createHash } from "node:crypto";
import type { AuditItem } from "@airlake/shared/contracts/audit";

import { mapBounded } from "../bounded.ts";
import type { OpenedLake } from "../opened-lake.ts";
import { printable, shellWord } from "../text.ts";
import { type Dead, type Group, bodyOf, groupsOf } from "./dead.ts";
import { type FilterOptions, filterText } from "./filter.ts";
import { type Change, sourceNow } from "./source-now.ts";

export type Action = "replay" | "discard" | "drop";

export interface Plan {
  readonly action: Action;
  readonly messages: number;
  readonly groups: readonly Group[];
  /** What their sources are now, against what they were: how many of each. */
  readonly sources: Readonly<Partial<Record<Change, number>>>;
  readonly hash: string;
}

/** Asks raw about every source. */
export async function planOf(opened: OpenedLake, action: Action, items: readonly Dead[]): Promise<Plan> {
  const sources: Partial<Record<Change, number>> = {};
  const now = await mapBounded(items, 16, async (dead) => sourceNow(opened, dead));
  for (const { change } of now) sources[change] = (sources[change] ?? 0) + 1;
  return { action, messages: items.length, groups: groupsOf(items), sources, hash: planHash(action, items) };
}

/** The same for the same action on the same messages, in whatever order they were received. */
export function planHash(action: Action, items: readonly Dead[]): string {
  const hash = createHash("sha256").update(action);
  const lines = items.map((dead) => {
    const body = createHash("sha256").update(bodyOf(dead)).digest("hex");
    return `\n${dead.stage} ${dead.message?.MessageId ?? ""} ${body}`;
  });
  for (const line of lines.toSorted()) hash.update(line);
  return hash.digest("hex").slice(0, 12);
}

/** The command that does what was planned. New failures must not change the set: so it ends at the newest that was seen. */
export function nextCommand(
  verb: string,
  plan: { readonly items: readonly Dead[]; readonly hash: string },
  options: FilterOptions & { readonly more?: readonly string[] },
): string {
  const newest = plan.items
    .map(({ at }) => at)
    .toSorted()
    .at(-1);
  const { id = [], ...filter } = options;
  const named = Object.entries(filterText({ ...(newest === undefined ? {} : { until: newest }), ...filter }));
  const words = [
    ...named.flatMap(([name, value]) => [`--${name}`, value]),
    ...id.flatMap((one) => ["--id", one]),
    ...(options.more ?? []),
  ];
  return ["airlake dlq", verb, ...words.map(safeWord), "--yes --plan", plan.hash].join(" ");
}

/** A word for the shell that is also safe on a terminal: control characters are written as escapes, as bash and zsh read them. */
export function safeWord(text: string): string {
  if (printable(text) === text) return shellWord(text);
  const escaped = text
    .replaceAll(/[\\']/g, String.raw`\$&`)
    .replaceAll(
      /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
      (sign) => `\\u${(sign.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
    );
  return `$'${escaped}'`;
}

/** The items of a plan as the audit keeps them. */
export function auditItems(items: readonly Dead[]): AuditItem[] {
  return items.map(({ id, stage, reason, keys, message, failure }) => ({
    id,
    stage,
    reason,
    keys: [...keys],
    messageId: message?.MessageId ?? "",
    ...(failure === undefined ? {} : { failureKey: failure.key }),
    result: "planned",
  }));
}
