/** Asks the fuse before a source's rows are taken out of the lake. What it refuses stays on the queue until an operator has spoken. */
import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { createBatches } from "@airlake/shared/batches";
import type { Clients } from "@airlake/shared/clients";
import { type FuseSettings, askFuse } from "@airlake/shared/stage/fuse";
import type { ManifestStore } from "@airlake/shared/stage/manifest-store";
import type { Target } from "@airlake/shared/stage/types";
import { TransientError } from "@airlake/shared/errors";

export interface RetractionFuse {
  /** Passes where the source has no rows in the lake, or may lose them. Throws a TransientError that `isHeld` knows where it may not. */
  check(target: Target): Promise<void>;
  /** A sentence for each dataset whose retractions this worker was refused last. */
  warnings(): readonly string[];
}

export interface RetractionFuseDeps {
  readonly clients: Pick<Clients, "s3" | "clock" | "log">;
  readonly manifests: ManifestStore;
  readonly buckets: { readonly raw: string; readonly ops: string };
  readonly settings: FuseSettings;
}

const held = "held by the fuse";
/** What is held comes back within a quarter of an hour: who was not refused for twice as long has nothing that is. */
const staysMs = 1_800_000;
/** Retractions that are asked for in one go: a worker has no more in hand. */
const mostAtOnce = 64;

/** Whether the fuse has refused: the message has done nothing wrong, and must not be parked. */
export function isHeld(error: unknown): boolean {
  return error instanceof TransientError && error.cause === held;
}

export function createRetractionFuse(deps: RetractionFuseDeps): RetractionFuse {
  const { clients, manifests } = deps;
  const warnings = new Map<string, { readonly text: string; readonly saidAtMs: number }>();
  const ask = async (dataset: string, retractions: number): Promise<number> => {
    const place = { s3: clients.s3, clock: clients.clock, opsBucket: deps.buckets.ops };
    const countSources = async (): Promise<number> => countRaw(deps, dataset);
    const { granted, fuse } = await askFuse(place, dataset, { retractions, settings: deps.settings, countSources });
    if (fuse.blown === null || granted === retractions) {
      warnings.delete(dataset);
      return granted;
    }
    const { at, retractions: done, sources } = fuse.blown;
    const text = `the fuse of ${dataset} is blown: ${done} of ${sources} sources were retracted within an hour of ${at}; no more are until an operator says so (airlake fuse)`;
    if (warnings.get(dataset)?.text !== text)
      clients.log.error({ dataset, retractions: done, sources }, "mass retraction stopped");
    warnings.set(dataset, { text, saidAtMs: clients.clock.monotonicMs() });
    return granted;
  };
  const batches = createBatches(mostAtOnce, async (datasets: readonly string[]) => {
    const left = new Map<string, number>();
    for (const dataset of new Set(datasets))
      left.set(dataset, await ask(dataset, datasets.filter((one) => one === dataset).length));
    return datasets.map((dataset) => {
      const room = left.get(dataset) ?? 0;
      left.set(dataset, room - 1);
      return room > 0;
    });
  });
  return {
    async check(target) {
      const stored = await manifests.read("cleaner", target);
      if (stored === undefined || stored.manifest.outputs.length === 0) return;
      if (await batches.add(target.dataset)) return;
      throw new TransientError(warnings.get(target.dataset)?.text ?? held, { cause: held });
    },
    warnings: () =>
      [...warnings.values()]
        .filter(({ saidAtMs }) => clients.clock.monotonicMs() - saidAtMs < staysMs)
        .map(({ text }) => text),
  };
}

/** Objects of a dataset that are there. */
async function countRaw({ clients, buckets }: RetractionFuseDeps, dataset: string): Promise<number> {
  let count = 0;
  let after: string | undefined;
  do {
    const token = after === undefined ? {} : { ContinuationToken: after };
    const page = await clients.s3.send(
      new ListObjectsV2Command({ Bucket: buckets.raw, Prefix: `${dataset}/`, ...token }),
    );
    count += page.Contents?.length ?? 0;
    after = page.NextContinuationToken;
  } while (after !== undefined);
  return count;
}
