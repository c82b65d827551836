/**
 * One look through the whole lake: raw ↔ manifests ↔ parts ↔ catalog.
 * The listings tell what may be off; each such source is then read as it is now, and only what is off there is a finding.
 * So a look beside running workers cries no wolf.
 */
import type { DatasetDefinition } from "@airlake/shared/contracts/dataset";
import { datasetOfKey } from "@airlake/shared/contracts/keys";
import type { QueueRole } from "@airlake/shared/contracts/topology";

import { mapBounded } from "../bounded.ts";
import { readFuses } from "../fuses.ts";
import type { OpenedLake } from "../opened-lake.ts";
import { depthOf } from "../pipeline.ts";
import { checkFooters } from "./check-footers.ts";
import { oldUploads } from "./check-uploads.ts";
import { openCatalogPartitions } from "./catalog-partitions.ts";
import { type Rules, checkSource } from "./check-source.ts";
import { type Looked as Collected, collect } from "./collect.ts";
import { type SourceFacts, keyOf } from "./facts.ts";
import type { Finding } from "./findings.ts";
import { presentFacts } from "./present-facts.ts";
import type { Scratch } from "./scratch.ts";

export interface LookDeps {
  readonly opened: OpenedLake;
  readonly scratch: Scratch;
  readonly datasets: readonly DatasetDefinition[];
  readonly signal: AbortSignal;
  readonly tick: (text: () => string) => Promise<void>;
}

export interface LookSettings {
  /** Hours after which what is unfinished or unnamed is nobody's any more. */
  readonly graceHours: number;
  /** Whether each part's footer is read too. */
  readonly readsFooters: boolean;
}

export interface Looked extends Collected {
  readonly partitions: number;
  /** Messages that were on the queues when the look began: while there are some, young changes are on their way and not off. */
  readonly queued: number;
  /** Sources that did not hold still. */
  readonly moving: number;
  /** Datasets whose fuse is blown. */
  readonly blown: readonly string[];
}

/** Beside messages on the queues a change is given so long to arrive. */
const settleMinutes = 15;
/** S3 tells the time of an object in whole seconds. */
const clockStepMs = 1000;
/** Sources whose footers are read at once. */
const footersAtOnce = 16;

/** Looks through the lake; what is off is in the scratch afterwards. */
export async function lookThrough(deps: LookDeps, settings: LookSettings): Promise<Looked> {
  const { opened } = deps;
  // Before anything is listed: listing the raw folder of an embedded lake tells of what was put there by hand.
  const queued = await queuedIn(opened, ["clean", "join"]);
  const cataloging = await queuedIn(opened, ["catalog"]);
  const blown = (await readFuses(opened)).flatMap((fuse) => (fuse.blown === null ? [] : [fuse.dataset]));
  const sinceMs = opened.clock.now().getTime() - clockStepMs;
  const collected = await collect(deps);
  const rules: Rules = {
    nowMs: opened.clock.now().getTime(),
    sinceMs,
    graceMs: settings.graceHours * 3_600_000,
    settleMs: queued === 0 ? 0 : settleMinutes * 60_000,
    fingerprints: collected.fingerprints,
    blown,
  };
  const moving = await checkSources(deps, rules, settings);
  checkStrangers(deps, rules);
  const partitions = await checkCatalog(deps, queued + cataloging > 0);
  // The embedded objects have no multipart uploads.
  if (opened.lake === undefined)
    for await (const upload of oldUploads(opened, rules.nowMs - rules.graceMs)) deps.scratch.addFinding(upload);
  return { ...collected, partitions, queued: queued + cataloging, moving, blown };
}

async function queuedIn(opened: OpenedLake, roles: readonly QueueRole[]): Promise<number> {
  const depths = await Promise.all(roles.map(async (role) => depthOf(opened, opened.queues[role].url)));
  return depths.reduce((sum, { waiting, inHand }) => sum + waiting + inHand, 0);
}

/** Gives how many did not hold still. */
async function checkSources(deps: LookDeps, rules: Rules, settings: LookSettings): Promise<number> {
  const { scratch, signal } = deps;
  let moving = 0;
  let checked = 0;
  let batch: SourceFacts[] = [];
  const flush = async (): Promise<void> => {
    const judged = await mapBounded(batch, footersAtOnce, async (facts) => judge(deps, { rules, settings }, facts));
    for (const findings of judged) {
      if (findings === "moving") moving += 1;
      else for (const finding of findings) scratch.addFinding(finding);
    }
    checked += batch.length;
    batch = [];
    await deps.tick(() => `${checked.toLocaleString("en-US")} sources compared`);
  };
  for (const facts of scratch.sources()) {
    signal.throwIfAborted();
    batch.push(facts);
    if (batch.length === 200) await flush();
  }
  await flush();
  return moving;
}

interface Judging {
  readonly rules: Rules;
  readonly settings: LookSettings;
}

async function judge(
  deps: LookDeps,
  { rules, settings }: Judging,
  listed: SourceFacts,
): Promise<readonly Finding[] | "moving"> {
  const check = async (facts: SourceFacts): Promise<readonly Finding[]> => {
    const footers = settings.readsFooters ? await checkFooters(deps.opened, facts) : [];
    return [...checkSource(facts, rules), ...footers];
  };
  const suspected = await check(listed);
  if (suspected.length === 0) return [];
  const dataset = datasetOf(listed);
  // Nobody knows whose these are, so there is no more to be read.
  if (dataset === undefined) return suspected;
  const now = await presentFacts(deps.opened, dataset, listed);
  if (now === undefined) return "moving";
  return check(now);
}

function datasetOf(facts: SourceFacts): string | undefined {
  const [object] = facts.objects;
  return datasetOfKey(keyOf(facts) ?? object?.key ?? "");
}

/** Objects among the parts that are no parts: readers that list prefixes would take them for some. */
function checkStrangers({ scratch }: LookDeps, rules: Rules): void {
  for (const { bucket, key, modifiedMs } of scratch.strangers()) {
    if (rules.nowMs - modifiedMs < rules.graceMs) continue;
    const mend = { how: "delete", bucket } as const;
    const detail = "it is no part's name";
    scratch.addFinding({ kind: "orphan", sourceId: "", source: "", what: `${bucket}/${key}`, detail, mend });
  }
}

/** Gives how many partitions the catalog has. */
async function checkCatalog({ opened, scratch, datasets }: LookDeps, isBusy: boolean): Promise<number> {
  using catalog = await openCatalogPartitions(opened);
  let partitions = 0;
  for (const dataset of datasets.filter(({ table }) => table.partitions.length > 0)) {
    for await (const page of catalog.list(dataset)) {
      partitions += page.length;
      for (const path of page) scratch.addPartition("registered", dataset.name, path);
    }
  }
  // What is under way registers its partitions last.
  if (isBusy) return partitions;
  const off = { sourceId: "", source: "", detail: "" };
  for (const { dataset, path } of scratch.partitionsOnly("named")) {
    const mend = { how: "register", dataset } as const;
    scratch.addFinding({ ...off, kind: "unregistered-partition", what: path, detail: dataset, mend });
  }
  for (const { dataset, path } of scratch.partitionsOnly("registered")) {
    const mend = { how: "unregister", dataset } as const;
    scratch.addFinding({ ...off, kind: "empty-partition", what: path, detail: dataset, mend });
  }
  return partitions;
}
