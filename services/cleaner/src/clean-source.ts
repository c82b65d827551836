/** The cleaner's work on one source: its bytes in, a clean part and a quarantine part out, every record accounted for. */
import { addAbortSignal, type Readable } from "node:stream";

import type { Source } from "@airlake/shared/contracts/keys";
import type { DuckDb } from "@airlake/shared/duckdb";
import type { LoadedDataset } from "@airlake/shared/load-dataset";

import { type CleanParts, cleanRecords } from "./clean-records.ts";
import type { Limits } from "./limits.ts";
import { type ReferenceTime, referenceTimeOf } from "./reference-time.ts";
import type { SourceRejected } from "./rejection.ts";
import { splitSource } from "./split-source.ts";

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
export async function cleanSource(
  deps: { readonly duckdb: DuckDb; readonly dataset: LoadedDataset },
  job: CleanJob,
): Promise<Cleaned | SourceRejected> {
  const startedAt = performance.now();
  const { definition } = deps.dataset;
  const split = await splitSource(definition, { ...job, body: addAbortSignal(job.signal, job.body) });
  if (split.kind === "rejected") return split;
  const splitAt = performance.now();
  using session = await deps.duckdb.connect(job.signal);
  const reference = referenceTimeOf(definition.referenceTime, job.source.key, job.lastModified);
  const parts = await cleanRecords(session, deps.dataset, { ...job, split, referenceTime: reference.at });
  return {
    kind: "cleaned",
    format: split.format.name,
    referenceTime: reference.at,
    referenceTimeFrom: reference.from,
    ...parts,
    timings: { splitMs: Math.round(splitAt - startedAt), cleanMs: Math.round(performance.now() - splitAt) },
  };
}
