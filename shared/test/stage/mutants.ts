/**
 * The protocol with one of its lines taken away or altered, and where the search finds what that line guards against.
 *
 * Two lines have no mutant, for no schedule needs them as long as leases keep their promise: looking whether somebody's intent was left
 * behind before acknowledging, and never acknowledging after the lease. They cost nothing and hold where a lease does not.
 */
import type { Edit } from "./load-protocol.ts";
import type { Plan } from "./search.ts";
import type { Bounds } from "./world.ts";

export interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
  readonly bounds: Partial<Bounds>;
  readonly plan?: Partial<Plan>;
}

const inAlign = (from: string, to = ""): Edit => ({ file: "align.ts", from, to });
const inSteps = (from: string, to = ""): Edit => ({ file: "manifest-steps.ts", from, to });
const death = { crashes: 1 };

const announceAll =
  "  await task.stage.announce(task.target, manifest, partitionsOf([...manifest.outputs, ...manifest.debris]));\n";
const deleteDebris = "  await deleteParts(task, manifest.debris);\n";
const lookAgain =
  '  if (!(await isStillSo(task, stored, identity))) return "again";\n  return outcomeOf(manifest, task.target);';
const ownSuccess = "  if (now?.manifest.attempt === round.attempt.id) return finish(task, now, round.identity);\n";
const deleteUnnamed = "await deleteParts(task, unnamed);";
const tidy = "manifest.pending.length === 0 && manifest.debris.length === 0 && manifest.rejection?.parked !== false";
const everyDebris = "[...before.debris, ...before.outputs, ...before.pending]";
const leaseInWrite = "  hand.lease.check();\n\n  let { base } = round;";
const leaseAfterPut = "  hand.lease.check();\n  const failureKey";
const leaseAfterRead = "  hand.lease.check();\n  if (isInLine";
const leaseAtEnd = '    hand.lease.check();\n    if (outcome !== "again") return outcome;';

export const mutants: readonly Mutant[] = [
  {
    name: "writes parts without an intent",
    edits: [inAlign("if (mine.length > 0) {", "if (mine.length > 99) {")],
    bounds: { script: "X", ...death },
  },
  {
    name: "writes manifests without a condition",
    edits: [
      {
        file: "manifest-store.ts",
        from: '...(base === undefined ? { IfNoneMatch: "*" } : { IfMatch: base.etag }),',
        to: "",
      },
    ],
    bounds: { script: "XY" },
  },
  {
    name: "names parts after their content",
    edits: [inAlign("{ id: clock.newId(), generation,", "{ id: identity.identity, generation: 1,")],
    bounds: { script: "XYX" },
  },
  {
    name: "forgets debris at the commit",
    edits: [inSteps(everyDebris, "[...before.outputs, ...before.pending]")],
    bounds: { script: "XY", ...death },
  },
  {
    name: "forgets old outputs at the commit",
    edits: [inSteps(everyDebris, "[...before.debris, ...before.pending]")],
    bounds: { script: "XY" },
  },
  {
    name: "forgets others' intents at the commit",
    edits: [inSteps(everyDebris, "[...before.debris, ...before.outputs]")],
    bounds: { script: "X", ...death },
  },
  {
    name: "takes 412 on its own success for a loss, and deletes its parts",
    edits: [inAlign(ownSuccess), inAlign(deleteUnnamed, "await deleteParts(task, round.mine);")],
    bounds: { script: "X", lostAnswers: 1 },
  },
  {
    name: "deletes a loser's parts without looking whether they are named",
    edits: [inAlign(deleteUnnamed, "await deleteParts(task, round.mine);")],
    bounds: { script: "X!", lostAnswers: 1 },
  },
  { name: "leaves a loser's parts", edits: [inAlign(deleteUnnamed)], bounds: { script: "XY" } },
  {
    name: "skips where an intent is left",
    edits: [inSteps(tidy, "manifest.debris.length === 0 && manifest.rejection?.parked !== false")],
    bounds: { script: "XYX", ...death },
  },
  {
    name: "skips where debris is left",
    edits: [inSteps(tidy, "manifest.pending.length === 0 && manifest.rejection?.parked !== false")],
    bounds: { script: "XY", ...death },
  },
  {
    name: "skips where a rejection is not parked",
    edits: [inSteps(tidy, "manifest.pending.length === 0 && manifest.debris.length === 0")],
    bounds: { script: "!", ...death },
  },
  {
    name: "does not send again on a skip",
    edits: [inAlign("  await task.stage.announce(task.target, manifest, partitionsOf(manifest?.outputs ?? []));\n")],
    bounds: { script: "X", ...death },
  },
  {
    name: "acknowledges before it has sent",
    edits: [inAlign(announceAll, announceAll.replace("await", "void"))],
    bounds: { script: "X", ...death },
  },
  {
    name: "announces the new partitions only",
    edits: [inAlign(announceAll, announceAll.replace(", ...manifest.debris", ""))],
    bounds: { script: "XY" },
  },
  {
    name: "forgets debris before it has announced",
    edits: [inAlign(announceAll), inAlign(lookAgain, announceAll + lookAgain)],
    bounds: { script: "XY", ...death },
  },
  {
    name: "forgets debris before it has deleted it",
    edits: [inAlign(deleteDebris), inAlign(lookAgain, deleteDebris + lookAgain)],
    bounds: { script: "XY", ...death },
  },
  {
    name: "does not look at the input again",
    edits: [
      inAlign(
        "return (await task.stage.identityNow(task.target, task.hand.signal)) === identity.identity;",
        "return true;",
      ),
    ],
    bounds: { script: "XYX" },
  },
  {
    name: "works on after its lease",
    edits: [
      inAlign(leaseInWrite, "  let { base } = round;"),
      inAlign(leaseAfterPut, "  const failureKey"),
      inAlign(leaseAfterRead, "  if (isInLine"),
      inAlign(leaseAtEnd, '    if (outcome !== "again") return outcome;'),
      { file: "put-parts.ts", from: " && !hand.lease.isOver()", to: "" },
    ],
    bounds: { script: "X-", ...death, expiries: 1 },
    plan: { start: ["world", "receive 0 cleaner", "go 0 0", "expire 0", "go 0 0"] },
  },
  {
    name: "takes the last good outputs away from a source that is no good",
    edits: [
      inSteps(
        "const { outputs, counts, format, referenceTime } = before;",
        "const { counts, format, referenceTime } = before; const outputs: [] = [];",
      ),
    ],
    bounds: { script: "X!" },
  },
  {
    name: "leaves a rejected source as it is when a replay asks for it",
    edits: [inSteps("  if (wantsRetry(manifest, replayId)) return false;\n")],
    bounds: { script: "!r" },
  },
  {
    name: "gives up while a part is on its way",
    edits: [{ file: "put-parts.ts", from: ".catch((error: unknown) => failures.push({ error }));", to: ";" }],
    bounds: { script: "X", parts: 2, refusals: 1 },
  },
  {
    name: "leaves its parts when its commit is refused",
    edits: [inAlign("files).catch(failed);", "files);")],
    bounds: { script: "XY", refusals: 1 },
  },
];
