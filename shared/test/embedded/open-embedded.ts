/** Embedded objects and queues in a folder of their own, for tests. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/clock.ts";
import type { Clock } from "../../src/clock.ts";
import { createEmbeddedObjects } from "../../src/embedded/objects.ts";
import type { EmbeddedObjects } from "../../src/embedded/objects.ts";
import { createEmbeddedQueues } from "../../src/embedded/queues.ts";
import type { EmbeddedQueues } from "../../src/embedded/queues.ts";

export interface Embedded extends Disposable {
  readonly folder: string;
  readonly objects: EmbeddedObjects;
  readonly queues: EmbeddedQueues;
}

/** Disposing closes both, and removes the folder where it was made here. */
export function openEmbedded(clock: Clock = systemClock, existing?: string): Embedded {
  const folder = existing ?? mkdtempSync(join(tmpdir(), "airlake-embedded-"));
  const queues = createEmbeddedQueues({ folder, clock });
  const objects = createEmbeddedObjects({ folder, queues, clock });
  return {
    folder,
    objects,
    queues,
    [Symbol.dispose]: () => {
      objects.destroy();
      queues.destroy();
      if (existing === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}
