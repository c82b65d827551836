/** The datasets that this Airlake knows. */
import { loadDatasets } from "@airlake/shared/load-dataset";
import type { DatasetDefinition } from "@airlake/shared/contracts/dataset";

import { datasetsFolder } from "./embedded.ts";

/** The dataset that files belong to unless told otherwise. */
export const defaultDataset = "openaq";

/** All definitions, the default dataset's first: its tables answer to their bare names. */
export async function knownDatasets(): Promise<readonly DatasetDefinition[]> {
  const definitions = [...(await loadDatasets(datasetsFolder())).values()].map(({ definition }) => definition);
  return definitions.toSorted((a, b) => Number(b.name === defaultDataset) - Number(a.name === defaultDataset));
}
