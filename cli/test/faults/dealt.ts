/** How often each kind of fault was dealt: a line for each in files of the run's folder, so that a killed worker's are counted too. */
import { appendFileSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { renderTable } from "../../src/table.ts";
import { grouped } from "../../src/text.ts";

export type Deal = (kind: string) => void;

const ending = ".dealt";

/** Notes one fault after another in the file of this name. */
export function createDeal(folder: string, name: string): Deal {
  const file = join(folder, `${name}${ending}`);
  return (kind) => appendFileSync(file, `${kind}\n`);
}

/** How many of each kind, by all who noted any. */
export function dealtIn(folder: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of readdirSync(folder).filter((one) => one.endsWith(ending)))
    for (const kind of readFileSync(join(folder, name), "utf8").split("\n").filter(Boolean))
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** What was dealt, most often first, as lines of a table. */
export function dealtTable(counts: ReadonlyMap<string, number>): readonly string[] {
  const rows = [...counts].toSorted(([, a], [, b]) => b - a).map(([kind, count]) => [kind, grouped(count)]);
  return renderTable([{ title: "fault" }, { title: "dealt", align: "right" }], rows, { width: 80 });
}
