/** The story of one message of catalog-sync. It has no manifest: what a catalog has can be asked and added again at any time. */
import type { LoadedDataset } from "@airlake/shared/load-dataset";
import { tablesOf } from "@airlake/shared/contracts/tables";
import type { Buckets } from "@airlake/shared/contracts/topology";
import type { Handle } from "@airlake/shared/worker/hand";
import type { Catalog } from "./catalog.ts";
import { parse } from "./parse.ts";

export interface HandleDeps {
  readonly catalog: Catalog;
  readonly datasets: ReadonlyMap<string, LoadedDataset>;
  readonly buckets: Pick<Buckets, "silver" | "gold" | "ops">;
}

/** Message → tables and partitions of its dataset → outcome. */
export function createHandle(deps: HandleDeps): Handle {
  return async (message, hand) => {
    const command = parse(message);
    if (command.kind === "unreadable") {
      return { kind: "rejected", reason: "unreadable-message", detail: command.detail, parked: false };
    }
    const { changed } = command;
    const dataset = deps.datasets.get(changed.dataset);
    if (dataset === undefined) {
      return {
        kind: "rejected",
        reason: "unknown-dataset",
        detail: `this worker has no dataset ${changed.dataset}`,
        parked: false,
      };
    }
    const tables = tablesOf(dataset.definition, deps.buckets);
    await deps.catalog.ensureTables(tables, hand.signal);
    hand.lease.check();
    const table = tables.find(({ name }) => name === dataset.definition.table.name);
    if (table === undefined)
      throw new Error(`no table ${dataset.definition.table.name} among the tables of ${changed.dataset}`);
    const { added, known } = await deps.catalog.ensurePartitions(table, changed.partitions, hand.signal);
    const { dataset: name, correlationId } = changed;
    return {
      kind: "done",
      facts: { dataset: name, key: changed.source.key, correlationId, partitionsAdded: added, partitionsKnown: known },
    };
  };
}
