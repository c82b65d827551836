/** The story of one message of the joiner. */
import { datasetOfKey, sourceIdOf } from "@airlake/shared/contracts/keys";
import type { Outcome } from "@airlake/shared/outcome";
import type { Target } from "@airlake/shared/stage/types";
import type { Hand, Handle } from "@airlake/shared/worker/hand";
import { parse } from "./parse.ts";

export interface HandleDeps {
  readonly knowsDataset: (name: string) => boolean;
  /** Brings a source's gold parts in line with the cleaner's manifest. */
  readonly align: (target: Target, hand: Hand) => Promise<Outcome>;
}

/** Message → source → outcome. */
export function createHandle(deps: HandleDeps): Handle {
  return async (message, hand) => {
    const command = parse(message);
    if (command.kind === "unreadable") {
      return { kind: "rejected", reason: "unreadable-message", detail: command.detail, parked: false };
    }
    const { source, correlationId } = command.pointer;
    const dataset = datasetOfKey(source.key);
    if (dataset === undefined || !deps.knowsDataset(dataset)) {
      return {
        kind: "rejected",
        reason: "unknown-dataset",
        detail: `this worker has no dataset for ${source.key}`,
        parked: false,
      };
    }
    const target: Target = { source, sourceId: sourceIdOf(source), dataset, correlationId };
    const outcome = await deps.align(target, {
      ...hand,
      log: hand.log.child({ correlationId, dataset, key: source.key }),
    });
    return {
      ...outcome,
      facts: { dataset, source: target.sourceId, key: source.key, correlationId, ...outcome.facts },
    };
  };
}
