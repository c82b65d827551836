/** What the cleaner would make of a source by a rule pack, without a lake: for planning a change of rules. Nothing is written but scratch. */
import type { Readable } from "node:stream";

import type { Source } from "@airlake/shared/contracts/keys";
import { openEngines } from "@airlake/shared/duckdb";
import type { LoadedDataset } from "@airlake/shared/load-dataset";

import { createSourceCleaner } from "./clean-source.ts";
import { defaultLimits } from "./limits.ts";

export interface TrialJob {
  readonly body: Readable;
  readonly sizeBytes: number;
  readonly source: Source;
  readonly sourceId: string;
  /** The rules that judge the future ask when the source was made. */
  readonly lastModified: Date;
  readonly rulePack: number;
  /** An empty folder inside the trial's scratch. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** The file of the records that would be kept; undefined where there are none. */
export type Tried =
  | {
      readonly kind: "cleaned";
      readonly kept: number;
      readonly quarantined: number;
      readonly cleanFile: string | undefined;
    }
  | { readonly kind: "rejected"; readonly reason: string };

export interface Trial extends Disposable {
  tryOut(job: TrialJob): Promise<Tried>;
}

/** Opens engines that work in this folder. Several sources at a time are faster than one after another. */
export async function openTrial(dataset: LoadedDataset, scratch: string): Promise<Trial> {
  const engines = await openEngines({ threads: 2, memoryLimitMb: 768, scratch });
  const clean = createSourceCleaner({ dataset, engines });
  return {
    async tryOut(job) {
      const made = await clean({ ...job, limits: defaultLimits });
      if (made.kind === "rejected") return { kind: "rejected", reason: made.reason };
      const { kept, quarantined } = made.counts;
      return { kind: "cleaned", kept, quarantined, cleanFile: made.clean?.file };
    },
    [Symbol.dispose]: () => engines[Symbol.dispose](),
  };
}
