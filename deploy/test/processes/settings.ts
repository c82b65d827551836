/** Complete settings of each service, but for where AWS is. */
import type { Topology } from "@airlake/shared/contracts/topology";

import type { ServiceName } from "./run-process.ts";

export function settingsFor(name: ServiceName, { buckets, queues }: Topology): Readonly<Record<string, string>> {
  const { raw: RAW_BUCKET, silver: SILVER_BUCKET, gold: GOLD_BUCKET, ops: OPS_BUCKET } = buckets;
  const role = ({ ingestor: "ingest", cleaner: "clean", joiner: "join", "catalog-sync": "catalog" } as const)[name];
  const worker = { OPS_BUCKET, QUEUE: queues[role].name, DEAD_LETTER_QUEUE: queues[role].deadLetterName };
  switch (name) {
    case "ingestor":
      return { ...worker, RAW_BUCKET };
    case "cleaner":
      return { ...worker, RAW_BUCKET, SILVER_BUCKET, NEXT_QUEUE: queues.join.name };
    case "joiner":
      return { ...worker, SILVER_BUCKET, GOLD_BUCKET, NEXT_QUEUE: queues.catalog.name };
    case "catalog-sync":
      return { ...worker, SILVER_BUCKET, GOLD_BUCKET, CATALOG: "glue" };
  }
}
