/** What `airlake up` shows: a line for each source that is through, and on a terminal a few lines that are updated in place. */
import type { QueueRole } from "@airlake/shared/contracts/topology";
import { queueRoles } from "@airlake/shared/contracts/topology";

import type { Style } from "../out.ts";
import type { Depth } from "../pipeline.ts";
import { renderTable, shortened } from "../table.ts";
import { counted, grouped, lasted, printable } from "../text.ts";
import { serviceNames } from "./health-ports.ts";
import type { SettledSource } from "./settled-sources.ts";
import type { ServiceTally } from "./tallies.ts";

/** One line about a source that is through. */
export function settledText(settled: SettledSource, style: Style): string {
  const key = printable(settled.key);
  switch (settled.outcome) {
    case "rejected": {
      const why = printable(settled.detail ?? "");
      return `${style.red("rejected")}  ${key} (${settled.reason ?? "unknown"}): ${why}`;
    }
    case "done": {
      const { read, kept, quarantined, partitions, seconds } = settled;
      const counts = `${grouped(read)} read = ${grouped(kept)} kept + ${grouped(quarantined)} quarantined`;
      return `${style.green("done")}  ${key}: ${counts}, ${counted(partitions, "partition")}, ${lasted(seconds)}`;
    }
    case "unchanged":
    case "removed":
      return `${style.green(settled.outcome)}  ${key}`;
  }
}

/** What the block shows. */
export interface BlockFacts {
  readonly depths: Readonly<Record<QueueRole, Depth>>;
  readonly tallies: Readonly<Record<QueueRole, ServiceTally>>;
  readonly drop: { readonly waited: number; readonly brought: number };
  /** The newest first. */
  readonly last: readonly SettledSource[];
}

const plain: Style = { bold: (s) => s, dim: (s) => s, red: (s) => s, green: (s) => s, yellow: (s) => s };

/** Lines of at most `width` columns, always as many: a block that grows and shrinks is hard to read. */
export function blockLines(facts: BlockFacts, width: number, lastShown: number): readonly string[] {
  const titles = ["waiting", "in hand", "done", "skipped", "rejected", "failing"];
  const columns = [{ title: "" }, ...titles.map((title) => ({ title, align: "right" as const }))];
  const rows = queueRoles.map((role) => {
    const { waiting, inHand } = facts.depths[role];
    const { done, skipped, rejected, failing } = facts.tallies[role];
    return [serviceNames[role], ...[waiting, inHand, done, skipped, rejected, failing].map(grouped)];
  });
  const { waited, brought } = facts.drop;
  const drop = `drop folder: ${grouped(waited)} being written, ${grouped(brought)} being brought in`;
  const last = Array.from({ length: lastShown }, (_, at) => {
    const settled = facts.last[at];
    return settled === undefined ? "" : settledText(settled, plain);
  });
  return [...renderTable(columns, rows, { width }), drop, ...last].map((line) => shortened(line, width));
}
