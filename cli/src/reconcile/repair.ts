/**
 * Mends what a look has found, by the stages' own protocol: pointers to the queues, conditional changes of manifests, one place that
 * deletes parts. Each source is read once more before anything is done to it; where it has changed, it is left to the next look.
 */
import { AbortMultipartUploadCommand, DeleteObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import type { DatasetDefinition } from "@airlake/shared/contracts/dataset";
import { type Source, type StageName, datasetOfKey, tablePrefix } from "@airlake/shared/contracts/keys";
import type { CleanReady } from "@airlake/shared/contracts/messages";
import { deleteParts } from "@airlake/shared/stage/delete-parts";

import { mapBounded } from "../bounded.ts";
import type { OpenedLake } from "../opened-lake.ts";
import { askToLook } from "../pipeline.ts";
import { openCatalogPartitions } from "./catalog-partitions.ts";
import type { ObjectFacts, SourceFacts } from "./facts.ts";
import type { Finding, Kind, Mend } from "./findings.ts";
import { presentFacts } from "./present-facts.ts";
import { demandRedo, setAside } from "./rewrite-manifest.ts";
import type { Scratch } from "./scratch.ts";

export interface RepairDeps {
  readonly opened: OpenedLake;
  readonly scratch: Scratch;
  readonly datasets: readonly DatasetDefinition[];
  readonly signal: AbortSignal;
  /** Is told of each thing that was done. */
  readonly done: (repair: Repair) => void;
}

/** One line of what was done. */
export interface Repair {
  readonly kind: Kind;
  /** The source's key; "" where it is about none. */
  readonly source: string;
  readonly what: string;
  readonly did: string;
}

export interface RepairSettings {
  readonly graceHours: number;
  /** More objects of nobody than this are not deleted: that many say that manifests were lost, not that workers died. */
  readonly mostDeletions: number;
}

/** Partitions in one call. */
const partitionsAtOnce = 500;

/** Mends every finding in the scratch that can be. */
export async function repair(deps: RepairDeps, settings: RepairSettings): Promise<void> {
  const sent = new Set<string>();
  let deletions = 0;
  for (const finding of deps.scratch.findings("orphan")) if (finding.mend.how === "delete") deletions += 1;
  const deletes = deletions <= settings.mostDeletions;
  for (const finding of deps.scratch.findings()) {
    if (deps.signal.aborted) return;
    const did = await mend({ ...deps, settings, sent, deletes }, finding);
    if (did !== undefined) deps.done({ kind: finding.kind, source: finding.source, what: finding.what, did });
  }
  await repairCatalog(deps);
}

interface Mending extends RepairDeps {
  readonly settings: RepairSettings;
  /** `<stage>/<source>` that were sent already: one pointer mends all that is off with a source. */
  readonly sent: Set<string>;
  readonly deletes: boolean;
}

/** Says what was done; undefined where nothing was, or it was done with an earlier finding. */
async function mend(mending: Mending, finding: Finding): Promise<string | undefined> {
  const { opened } = mending;
  switch (finding.mend.how) {
    case "send":
      return send(mending, finding, finding.mend.stage);
    case "redo":
      return redo(mending, finding, finding.mend.stage);
    case "delete":
      return mending.deletes ? deleteOrphan(mending, finding, finding.mend.bucket) : undefined;
    case "set-aside": {
      const key = finding.what.replace(/^ops\//, "");
      const kept = await setAside(opened, key);
      await opened.s3.send(new DeleteObjectCommand({ Bucket: opened.topology.buckets.ops, Key: key }));
      return `moved to ops/${kept}`;
    }
    case "abort":
      return abort(opened, finding, finding.mend);
    case "register":
    case "unregister":
    case "person":
      return undefined;
  }
}

async function send({ opened, sent }: Mending, finding: Finding, stage: StageName): Promise<string | undefined> {
  if (sent.has(`${stage}/${finding.source}`)) return undefined;
  sent.add(`${stage}/${finding.source}`);
  await sendPointer(opened, finding.source, stage);
  return `sent to the ${stage}`;
}

async function sendPointer(opened: OpenedLake, key: string, stage: StageName): Promise<void> {
  if (stage === "cleaner") return askToLook(opened, [key]);
  const ready: CleanReady = {
    contract: "clean-ready/1",
    source: { bucket: opened.topology.buckets.raw, key },
    correlationId: opened.clock.newId(),
  };
  await opened.sqs.send(
    new SendMessageCommand({ QueueUrl: opened.queues.join.url, MessageBody: JSON.stringify(ready) }),
  );
}

async function redo(mending: Mending, finding: Finding, stage: StageName): Promise<string | undefined> {
  const { opened, sent, settings } = mending;
  const mark = `redo ${stage}/${finding.source}`;
  if (sent.has(mark)) return undefined;
  sent.add(mark);
  const source: Source = { bucket: opened.topology.buckets.raw, key: finding.source };
  const before: SourceFacts = {
    sourceId: finding.sourceId,
    raw: { key: source.key, etag: "", modifiedMs: 0 },
    cleaner: undefined,
    joiner: undefined,
    objects: [...mending.scratch.objectsOf(finding.sourceId)],
  };
  const facts = await presentFacts(opened, datasetOfKey(source.key) ?? "", before);
  if (facts === undefined) return "left alone: it is being worked on";
  const isWhole = facts[stage]?.kind === "manifest";
  const graceMs = settings.graceHours * 3_600_000;
  const nowMs = opened.clock.now().getTime();
  // Where the manifest is lost, everything is of an older time; else only what is older than any attempt.
  const adopts = (object: ObjectFacts): boolean => !isWhole || nowMs - object.modifiedMs >= graceMs;
  if ((await demandRedo(opened, facts, { stage, source, adopts })) === "lost") return "left alone: it has changed";
  await sendPointer(opened, source.key, stage);
  // A new generation of the cleaner's sends the joiner on by itself.
  return `to be done again by the ${stage}`;
}

/** Of an object that no manifest can name: there is none, nor a source that it could be of. */
async function deleteOrphan({ opened }: Mending, finding: Finding, bucket: "silver" | "gold"): Promise<string> {
  const { silver, gold } = opened.topology.buckets;
  const key = finding.what.slice(bucket.length + 1);
  await deleteParts({ s3: opened.s3, settings: { buckets: { silver, gold } } }, [{ bucket, key, partition: "" }]);
  return "deleted";
}

async function abort(
  opened: OpenedLake,
  finding: Finding,
  { bucket, uploadId }: Extract<Mend, { how: "abort" }>,
): Promise<string> {
  const key = finding.what.slice(bucket.length + 1);
  await opened.s3.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId }));
  return "upload given up";
}

/**
 * By hand and not by a message: a catalog-sync that has registered a partition once believes that it is there. Registering can be
 * repeated, and done by several at once.
 */
async function repairCatalog(deps: RepairDeps): Promise<void> {
  const { opened, scratch, datasets, done } = deps;
  using catalog = await openCatalogPartitions(opened);
  for (const dataset of datasets) {
    for (const page of pages(scratch, "unregistered-partition", dataset.name)) {
      await catalog.add(dataset, page);
      for (const what of page) done({ kind: "unregistered-partition", source: "", what, did: "registered" });
    }
    for (const page of pages(scratch, "empty-partition", dataset.name)) {
      await catalog.drop(dataset, page);
      // A part that came meanwhile was announced to a catalog that knew its partition still.
      const filled = await filledOf(opened, dataset, page);
      if (filled.length > 0) await catalog.add(dataset, filled);
      for (const what of page.filter((one) => !filled.includes(one)))
        done({ kind: "empty-partition", source: "", what, did: "taken out of the catalog" });
    }
  }
}

function* pages(scratch: Scratch, kind: Kind, dataset: string): Generator<readonly string[]> {
  let page: string[] = [];
  for (const { what, mend: how } of scratch.findings(kind)) {
    if (!("dataset" in how) || how.dataset !== dataset) continue;
    page.push(what);
    if (page.length < partitionsAtOnce) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

async function filledOf(
  opened: OpenedLake,
  { name, table }: DatasetDefinition,
  partitions: readonly string[],
): Promise<readonly string[]> {
  const found = await mapBounded(partitions, 16, async (partition) => {
    const Prefix = `${tablePrefix(name, table.name)}${partition}/`;
    const page = await opened.s3.send(
      new ListObjectsV2Command({ Bucket: opened.topology.buckets.gold, Prefix, MaxKeys: 1 }),
    );
    return (page.Contents ?? []).length > 0 ? [partition] : [];
  });
  return found.flat();
}
