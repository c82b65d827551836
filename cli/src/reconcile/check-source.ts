/** Compares the layers of one source with one another. Pure: the same check judges what a listing told and what is there now. */
import type { StageName } from "@airlake/shared/contracts/keys";
import { type Manifest, type Part, isCommitOf } from "@airlake/shared/contracts/manifest";

import type { ObjectFacts, SourceFacts, StageFacts } from "./facts.ts";
import { bucketOfStage, keyOf, manifestIn } from "./facts.ts";
import { type Finding, type Kind, type Mend, mendOf } from "./findings.ts";

export interface Rules {
  readonly nowMs: number;
  /** When the look began: a manifest that was written since is not compared with those that were listed. */
  readonly sinceMs: number;
  /** What is unfinished or unnamed for longer is nobody's work any more. */
  readonly graceMs: number;
  /** Changes younger than this may be on their way: their messages can be on a queue. 0 where the queues are empty. */
  readonly settleMs: number;
  /** Datasets whose fuse is blown: what is gone from raw is not on its way, it is held. */
  readonly blown: readonly string[];
  /** The fingerprint of the newest manifest, by `<stage>/<dataset>`. */
  readonly fingerprints: ReadonlyMap<string, string>;
}

/** All that is off with a source. What only follows from something found upstream is not told again. */
export function checkSource(facts: SourceFacts, rules: Rules): readonly Finding[] {
  const source = { facts, rules, key: keyOf(facts) ?? "" };
  const cleaner = checkCleaner(source);
  const joiner = checkJoiner(source, cleaner.length > 0);
  return [...cleaner, ...joiner];
}

interface Checked {
  readonly facts: SourceFacts;
  readonly rules: Rules;
  readonly key: string;
}

function found(source: Checked, kind: Kind, mend: Mend, more: { what?: string; detail?: string } = {}): Finding {
  const { what = source.key, detail = "" } = more;
  return { kind, sourceId: source.facts.sourceId, source: source.key, what, detail, mend };
}

function checkCleaner(source: Checked): readonly Finding[] {
  const { facts, rules } = source;
  const broken = checkPlace(source, "cleaner", facts.cleaner);
  if (broken !== undefined) return broken;
  const manifest = manifestIn(facts.cleaner);
  if (manifest === undefined) {
    if (facts.raw === undefined || isYoung(rules, facts.raw.modifiedMs)) return [];
    return [found(source, "never-seen", { how: "send", stage: "cleaner" })];
  }
  const lag = lagOf(source, manifest);
  const mend = lag.length === 0 ? mendOf(manifest) : ({ how: "redo", stage: "cleaner" } as const);
  return [
    ...lag,
    ...checkOutputs(source, { stage: "cleaner", manifest, mend }),
    ...checkUnnamed(source, "cleaner", manifest),
    ...countsOff(manifest).map((detail) => found(source, "counts-off", mend, { detail })),
  ];
}

/** Is the cleaner's manifest of the raw object that is there? */
function lagOf(source: Checked, manifest: Manifest): readonly Finding[] {
  const { raw, cleaner } = source.facts;
  if (manifest.input?.identity === (raw?.etag ?? "gone"))
    return lagOfStage(source, { stage: "cleaner", manifest, modifiedMs: cleaner?.modifiedMs ?? 0 });
  const send = { how: "send", stage: "cleaner" } as const;
  if (raw === undefined) return goneUnseen(source, manifest.dataset);
  if (isYoung(source.rules, raw.modifiedMs)) return [];
  return [found(source, manifest.state === "new" ? "never-seen" : "changed-unseen", send)];
}

function goneUnseen(source: Checked, dataset: string): readonly Finding[] {
  const { blown, settleMs } = source.rules;
  if (blown.includes(dataset))
    return [found(source, "not-retracted", { how: "person", next: "the fuse holds it, see airlake fuse" })];
  // Of an object that is gone nothing tells since when.
  return settleMs > 0 ? [] : [found(source, "not-retracted", { how: "send", stage: "cleaner" })];
}

interface Judged {
  readonly stage: StageName;
  readonly manifest: Manifest;
  readonly modifiedMs: number;
}

/** What both stages can have left undone though the input is the same. */
function lagOfStage(source: Checked, judged: Judged): readonly Finding[] {
  const { rules } = source;
  const { stage, manifest, modifiedMs } = judged;
  const send = { how: "send", stage } as const;
  const left = leftUndone(judged, rules);
  if (left !== undefined) return [found(source, "unfinished", send, { detail: `${stage}: ${left}` })];
  const newest = rules.fingerprints.get(`${stage}/${manifest.dataset}`) ?? manifest.fingerprint;
  const isNews = modifiedMs >= rules.sinceMs || isYoung(rules, modifiedMs);
  if (manifest.input?.identity === "gone" || manifest.fingerprint === newest || isNews) return [];
  return [found(source, "other-rules", send, { detail: stage })];
}

function leftUndone({ manifest, modifiedMs }: Judged, rules: Rules): string | undefined {
  const ageMs = rules.nowMs - modifiedMs;
  const { pending, debris, rejection } = manifest;
  if (pending.length > 0 && ageMs >= rules.graceMs) return `${pending.length} pending since ${hoursOf(ageMs)}`;
  if (isYoung(rules, modifiedMs)) return undefined;
  if (rejection?.parked === false) return "a rejection is not parked";
  return debris.length > 0 ? `${debris.length} to be deleted` : undefined;
}

function checkJoiner(source: Checked, cleanerIsOff: boolean): readonly Finding[] {
  const { facts } = source;
  const broken = checkPlace(source, "joiner", facts.joiner);
  if (broken !== undefined) return broken;
  const manifest = manifestIn(facts.joiner);
  const isBehind = !hasFollowed(manifest, manifestIn(facts.cleaner));
  const behind = isBehind && !cleanerIsOff ? joinerBehind(source) : [];
  if (manifest === undefined) return behind;
  const mend = { how: "redo", stage: "joiner" } as const;
  return [
    ...behind,
    ...(isBehind ? joinedOff(source, manifest, undefined) : joinedInLine(source, manifest)),
    ...checkOutputs(source, { stage: "joiner", manifest, mend }),
    ...checkUnnamed(source, "joiner", manifest),
  ];
}

/** The joiner says that it has followed. */
function joinedInLine(source: Checked, manifest: Manifest): readonly Finding[] {
  const { cleaner, joiner } = source.facts;
  return [
    ...followedAnother(source, manifest, manifestIn(cleaner)),
    ...lagOfStage(source, { stage: "joiner", manifest, modifiedMs: joiner?.modifiedMs ?? 0 }),
    ...joinedOff(source, manifest, manifestIn(cleaner)?.counts?.kept),
  ];
}

/** More than the clocks of two workers differ by. */
const clockSkewMs = 60_000;

/**
 * A manifest of the cleaner that was lost and made anew counts from 1 again: a joiner that noted the number alone, as they once did, may have
 * followed the lost one.
 */
function followedAnother(source: Checked, joined: Manifest, cleaned: Manifest | undefined): readonly Finding[] {
  const madeMs = Date.parse(cleaned?.committedAt ?? "");
  const followedMs = Date.parse(joined.committedAt ?? "");
  if (!/^\d+$/.test(joined.input?.identity ?? "") || !(madeMs - followedMs > clockSkewMs)) return [];
  const detail = "it followed an older manifest of the same number";
  return [found(source, "joiner-behind", { how: "redo", stage: "joiner" }, { detail })];
}

function joinedOff(source: Checked, manifest: Manifest, wantedKept: number | undefined): readonly Finding[] {
  const mend = { how: "redo", stage: "joiner" } as const;
  // What was rejected keeps the rows of the last good version.
  const wanted = manifest.state === "rejected" ? undefined : wantedKept;
  return countsOff(manifest, wanted).map((detail) => found(source, "counts-off", mend, { detail }));
}

/** Whether the joiner's input is what the cleaner has committed. A source that never was good counts as gone. */
function hasFollowed(joined: Manifest | undefined, cleaned: Manifest | undefined): boolean {
  const identity = joined?.input?.identity ?? "gone";
  return cleaned === undefined || cleaned.counts === null ? identity === "gone" : isCommitOf(identity, cleaned);
}

/** The cleaner's own mending sends the joiner on, so this is told only where the cleaner is in order. */
function joinerBehind(source: Checked): readonly Finding[] {
  const { cleaner } = source.facts;
  if (cleaner?.kind !== "manifest" || isYoung(source.rules, cleaner.modifiedMs)) return [];
  return [found(source, "joiner-behind", { how: "send", stage: "joiner" })];
}

/** A manifest that cannot be read, or that is gone while its parts are there; undefined where the place is in order. */
function checkPlace(source: Checked, stage: StageName, place: StageFacts | undefined): readonly Finding[] | undefined {
  const mend: Mend = source.key === "" ? { how: "set-aside" } : { how: "redo", stage };
  if (place?.kind === "unreadable")
    return [found(source, "unreadable-manifest", mend, { detail: `${stage}: ${place.why}` })];
  if (place !== undefined) return undefined;
  const objects = objectsOf(source.facts, stage);
  const other = stage === "cleaner" ? source.facts.joiner : undefined;
  if (objects.length === 0 && other === undefined) return undefined;
  // Nobody can say whose they are.
  if (source.key === "") return checkUnnamed(source, stage, undefined);
  const detail = `${stage}: ${objects.length === 1 ? "1 part is" : `${objects.length} parts are`} there`;
  return [found(source, "lost-manifest", mend, { detail })];
}

function objectsOf(facts: SourceFacts, stage: StageName): readonly ObjectFacts[] {
  return facts.objects.filter(({ bucket }) => bucket === bucketOfStage[stage]);
}

function checkOutputs(
  source: Checked,
  { stage, manifest, mend }: { readonly stage: StageName; readonly manifest: Manifest; readonly mend: Mend },
): readonly Finding[] {
  const there = new Map(objectsOf(source.facts, stage).map((object) => [object.key, object]));
  return manifest.outputs.flatMap((part): readonly Finding[] => {
    const object = there.get(part.key);
    const what = `${part.bucket}/${part.key}`;
    if (object === undefined) return [found(source, "missing-part", mend, { what })];
    if (object.sizeBytes === part.bytes) return [];
    const detail = `${object.sizeBytes} bytes, not ${part.bytes}`;
    return [found(source, "damaged-part", mend, { what, detail })];
  });
}

/** Objects that carry the source's id, and that its manifest does not name. */
function checkUnnamed(source: Checked, stage: StageName, manifest: Manifest | undefined): readonly Finding[] {
  const { facts, rules } = source;
  const named = new Set(
    [...(manifest?.outputs ?? []), ...(manifest?.pending ?? []), ...(manifest?.debris ?? [])].map(({ key }) => key),
  );
  const bucket = bucketOfStage[stage];
  const mend: Mend = manifest === undefined ? { how: "delete", bucket } : { how: "redo", stage };
  return objectsOf(facts, stage)
    .filter(({ key, modifiedMs }) => !named.has(key) && rules.nowMs - modifiedMs >= rules.graceMs)
    .map(({ key }) => found(source, "orphan", mend, { what: `${bucket}/${key}` }));
}

/** Sentences on sums that do not close. `wantedKept`: what upstream has kept. */
function countsOff({ counts, outputs }: Manifest, wantedKept?: number): readonly string[] {
  if (counts === null) return outputs.length === 0 ? [] : ["parts, but no counts"];
  const { read, kept, quarantined, reasons } = counts;
  const rows = (role: Part["role"]): number =>
    outputs.filter((part) => part.role === role).reduce((sum, part) => sum + part.rows, 0);
  const byReason = Object.values(reasons).reduce((sum, count) => sum + count, 0);
  const good = rows("clean") + rows("gold");
  const sums: readonly (readonly [boolean, string])[] = [
    [read !== kept + quarantined, `${read} read, but ${kept} kept + ${quarantined} quarantined`],
    [byReason !== quarantined, `${quarantined} quarantined, but ${byReason} by reason`],
    [good !== kept, `${kept} kept, but ${good} in parts`],
    [rows("quarantine") !== quarantined, `${quarantined} quarantined, but ${rows("quarantine")} in parts`],
    [wantedKept !== undefined && wantedKept !== kept, `${wantedKept ?? 0} kept by the cleaner, but ${kept} joined`],
  ];
  return sums.flatMap(([isOff, sentence]) => (isOff ? [sentence] : []));
}

function isYoung({ nowMs, settleMs }: Rules, modifiedMs: number): boolean {
  return nowMs - modifiedMs < settleMs;
}

function hoursOf(ms: number): string {
  const hours = ms / 3_600_000;
  return hours < 1 ? `${Math.max(0, Math.round(ms / 60_000))} min` : `${Math.round(hours)} h`;
}
