/** Whether the rows of sources can be queried yet: the last step of the pipeline keeps no manifest, so the catalog itself is asked. */
import type { Manifest } from "@airlake/shared/contracts/manifest";
import { catalogFileOf, registeredPartitions } from "@airlake/shared/embedded/catalog-file";

import { knownDatasets } from "./datasets.ts";
import type { EmbeddedLake } from "./embedded.ts";

/** Whether the catalog knows every partition that these joiner's manifests name. */
export async function areRegistered(
  { lake, clock }: EmbeddedLake,
  manifests: readonly (Manifest | undefined)[],
): Promise<boolean> {
  for (const { name, table } of await knownDatasets()) {
    if (table.partitions.length === 0) continue;
    const wanted = new Set(
      manifests.flatMap((manifest) =>
        manifest?.dataset === name ? manifest.outputs.map(({ partition }) => partition) : [],
      ),
    );
    if (wanted.size === 0) continue;
    const catalog = { file: catalogFileOf(lake.folder), clock };
    const known = await registeredPartitions(catalog, { database: name, name: table.name });
    if ([...wanted].some((partition) => !known.has(partition))) return false;
  }
  return true;
}
