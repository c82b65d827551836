/** Where a storm takes place: a lake, how its workers reach it, and a copy of it to be judged when all is quiet. */
import { join } from "node:path";

import { openEmbedded } from "../../src/embedded.ts";
import { openLake } from "../../src/lake.ts";
import type { OpenedLake } from "../../src/opened-lake.ts";
import { pipelineRoles } from "../../src/embedded.ts";
import { systemClock } from "@airlake/shared/clock";
import { catalogFileOf } from "@airlake/shared/embedded/catalog-file";

export interface Place extends AsyncDisposable {
  readonly opened: OpenedLake;
  /** Logs, scratch folders and notes of the run. */
  readonly folder: string;
  /** Undefined where the catalog is Glue. */
  readonly catalogFile: string | undefined;
  /** What a worker's environment says about where the lake is. */
  readonly env: NodeJS.ProcessEnv;
  /** Nothing waits, is in hand or comes back later. */
  isQuiet(): Promise<boolean>;
  /** A folder with a folder for each bucket, as the lake is now. */
  copied(): Promise<string>;
  /** From now on things go wrong on the way, where anything lies between workers and lake. */
  storm(): void;
  /** From now on nothing goes wrong on the way. */
  calm(): void;
}

/** A lake in a folder, as `airlake init` makes it. */
export async function embeddedPlace(folder: string): Promise<Place> {
  const opened = await openEmbedded(await openLake(join(folder, "lake"), "create"), systemClock);
  const lake = opened.lake.folder;
  return {
    opened,
    folder,
    catalogFile: catalogFileOf(lake),
    env: { LAKE_FOLDER: lake },
    isQuiet: async () => opened.isQuiet(pipelineRoles),
    copied: async () => lake,
    storm: () => {},
    calm: () => {},
    [Symbol.asyncDispose]: async () => opened[Symbol.asyncDispose](),
  };
}
