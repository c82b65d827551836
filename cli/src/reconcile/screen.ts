/** What a look has found, as people and scripts read it. */
import type { Out } from "../out.ts";
import { renderTable } from "../table.ts";
import { counted, grouped, printable } from "../text.ts";
import { type Finding, type Kind, kindNames, meanings } from "./findings.ts";
import type { Looked } from "./look-through.ts";
import type { Scratch } from "./scratch.ts";

/** Of each kind so many are named. */
const samplesShown = 5;
const samplesInJson = 20;

/** One kind with how many there are, and the first of them. */
export interface Group {
  readonly kind: Kind;
  readonly count: number;
  readonly samples: readonly Finding[];
}

/** The findings in a scratch, by kind, in their order. */
export function groupsOf(scratch: Scratch): readonly Group[] {
  const counts = scratch.counts();
  return kindNames
    .filter((kind) => counts.has(kind))
    .map((kind) => ({ kind, count: counts.get(kind) ?? 0, samples: firstOf(scratch, kind) }));
}

function firstOf(scratch: Scratch, kind: Kind): readonly Finding[] {
  const first: Finding[] = [];
  for (const finding of scratch.findings(kind)) {
    first.push(finding);
    if (first.length === samplesInJson) break;
  }
  return first;
}

/** `2 sources, 4 manifests, …`. */
export function lookedText({ raw, manifests, parts, partitions }: Looked): string {
  return `${counted(raw, "source")} in raw, ${counted(manifests, "manifest")}, ${counted(parts, "part")}, ${counted(partitions, "partition")} in the catalog`;
}

/** The table of kinds, then a few of each. */
export function printGroups(out: Out, groups: readonly Group[]): void {
  const rows = groups.map(({ kind, count }) => [kind, grouped(count), meanings[kind]]);
  const columns = [
    { title: "off" },
    { title: "found", align: "right" as const },
    { title: "what it is", shrinks: true },
  ];
  for (const text of renderTable(columns, rows, { width: out.columns, title: out.style.dim })) out.line(text);
  for (const { kind, count, samples } of groups) {
    out.line();
    out.line(out.style.bold(kind));
    for (const finding of samples.slice(0, samplesShown)) out.line(`  ${lineOf(finding)}`);
    if (count > samplesShown) out.line(out.style.dim(`  … and ${counted(count - samplesShown, "more", "more")}`));
  }
}

function lineOf({ what, source, sourceId, detail, mend }: Finding): string {
  const about = what === "" ? sourceId : what;
  const of = source === "" || source === what ? "" : ` of ${printable(source)}`;
  const more = detail === "" ? "" : ` (${printable(detail)})`;
  return `${printable(about)}${of}${more}${mend.how === "person" ? `: ${mend.next}` : ""}`;
}

/** What looking beside running workers leaves open. */
export function printOpen(out: Out, { queued, moving, outside, blown }: Looked, fuseCommand: string): void {
  for (const dataset of blown)
    out.line(
      out.style.red(
        `The fuse of ${dataset} is blown: what is gone from raw waits for a word of yours. See: ${fuseCommand}`,
      ),
    );
  if (queued > 0)
    out.line(
      out.style.dim(
        `${counted(queued, "message")} on the queues: what changed in the last quarter of an hour is left to the workers, and so are removals and new partitions.`,
      ),
    );
  if (moving > 0)
    out.line(out.style.dim(`${counted(moving, "source")} did not hold still and is left to the next look.`));
  if (outside > 0)
    out.line(out.style.dim(`${counted(outside, "object")} of raw in no dataset's folder: parked, not in the lake.`));
}
