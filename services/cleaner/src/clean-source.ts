/** The cleaner's work on one source: its bytes in, a clean part and a quarantine part out, every record accounted for. */
import { addAbortSignal, type Readable } from "node:stream";

import { createBatches, createSlots } from "@airlake/shared/batches";
import type { Source } from "@airlake/shared/contracts/keys";
import type { DuckDb, Engines } from "@airlake/shared/duckdb";
import type { LoadedDataset } from "@airlake/shared/load-dataset";

import { type CleanParts, cleanRecords, type CleanRecordsJob } from "./clean-records.ts";
import type { Limits } from "./limits.ts";
import { type ReferenceTime, referenceTimeOf } from "./reference-time.ts";
import type { SourceRejected } from "./rejection.ts";
import { type Split, splitSource } from "./split-source.ts";

export interface CleanJob {
  readonly body: Readable;
  /** The body's length as the store announced it. */
  readonly sizeBytes: number;
  readonly source: Source;
  readonly sourceId: string;
  readonly lastModified: Date;
  readonly rulePack: number;
  /** An empty folder of its own, inside DuckDB's scratch; the parts lie there afterwards. */
  readonly scratch: string;
  readonly limits: Limits;
  readonly signal: AbortSignal;
}

export interface Cleaned extends CleanParts {
  readonly kind: "cleaned";
  readonly format: string;
  readonly referenceTime: Date;
  readonly referenceTimeFrom: ReferenceTime["from"];
  /** Milliseconds. */
  readonly timings: { readonly splitMs: number; readonly cleanMs: number };
}

/**
 * Reads the body to its end. A source that can never be cleaned is a value; a body of another length than announced is a
 * TransientError; books that do not close are an Error that nobody should ever see.
 */
export type CleanSource = (job: CleanJob) => Promise<Cleaned | SourceRejected>;

export interface SourceCleanerDeps {
  readonly engines: Pick<Engines, "small" | "large">;
  readonly dataset: LoadedDataset;
  /** Sources of more text are judged alone, and of more than that also in a file. As usual where absent. */
  readonly sizes?: { readonly smallBytes: number; readonly heldBytes: number };
}

/** A split source on its way into DuckDB. */
interface RecordsJob extends CleanRecordsJob {
  readonly signal: AbortSignal;
}

/** Sources with no more text are judged several in one go: planning the rules costs more than running them on few records. */
const smallTextBytes = 2 * 1024 * 1024;
const smallAtOnce = 50;

/** What is judged takes about as much memory as its text, and beyond this lies in a file. */
const heldTextBytes = 256 * 1024 * 1024;

/** A body of more bytes may hold a large source, if it is zipped: so many of these are split at once, and lie in scratch. */
const largeBodyBytes = smallTextBytes / 8;
const largeAtOnce = 4;

/** A cleaner of one dataset's sources. Call it for many at a time: each is split on its own, small ones are judged together. */
export function createSourceCleaner({ dataset, engines, sizes }: SourceCleanerDeps): CleanSource {
  const { heldBytes, smallBytes } = sizes ?? { heldBytes: heldTextBytes, smallBytes: smallTextBytes };
  const runIn =
    (duckdb: DuckDb) =>
    async (jobs: readonly RecordsJob[]): Promise<readonly CleanParts[]> => {
      using session = await duckdb.connect(AbortSignal.any(jobs.map(({ signal }) => signal)));
      return await cleanRecords(session, dataset, jobs);
    };
  const small = createBatches(smallAtOnce, runIn(engines.small));
  // A large one takes all of the engine's threads, and most of its memory.
  const large = createBatches(1, runIn(engines.large));
  const clean: CleanSource = async (job) => {
    const startedAt = performance.now();
    const split = await splitSource(dataset.definition, { ...job, body: addAbortSignal(job.signal, job.body) });
    if (split.kind === "rejected") return split;
    const splitAt = performance.now();
    const reference = referenceTimeOf(dataset.definition.referenceTime, job.source.key, job.lastModified);
    const textBytes = textBytesOf(split);
    const batches = textBytes <= smallBytes ? small : large;
    const isFiled = textBytes > heldBytes && split.kind !== "json";
    const parts = await batches.add({ ...job, split, referenceTime: reference.at, isFiled });
    return {
      kind: "cleaned",
      format: split.format.name,
      referenceTime: reference.at,
      referenceTimeFrom: reference.from,
      ...parts,
      timings: { splitMs: Math.round(splitAt - startedAt), cleanMs: Math.round(performance.now() - splitAt) },
    };
  };
  const takeTurn = createSlots(largeAtOnce);
  return async (job) => (job.sizeBytes > largeBodyBytes ? takeTurn(async () => clean(job)) : clean(job));
}

/** A document is no small source: parsing takes many times its size. */
function textBytesOf(split: Split): number {
  if (split.kind === "json") return Infinity;
  const { irregular, malformed, regular } = split.files;
  return irregular.bytes + malformed.bytes + regular.bytes;
}
