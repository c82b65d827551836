/**
 * S3 for one machine: objects are plain files under `<folder>/<bucket>/<key>`, behind the shape of the SDK's client.
 *
 * A row per object (ETag, size, time, and which file it describes) lies in the database that the queues use too. A PUT writes
 * the content beside, then in one transaction checks its condition, writes the row and the event, and moves the file into place.
 * Whoever finds a file that is not the one described mends the row and sends the event: so a process that died in between, or a
 * person who changed the folder, leads to what a PUT or DELETE would have led to.
 *
 * A stream is stored by PutObject, whatever its length: there are no multipart uploads here, as S3's single PUT takes 5 GB.
 */
import { resolve } from "node:path";
import type { S3Client } from "@aws-sdk/client-s3";
import type { Clock } from "../clock.ts";
import { explainS3, s3NotImplemented } from "./aws-errors.ts";
import { createSend } from "./client-shape.ts";
import { openDatabase, transact } from "./database.ts";
import { bucketOperations } from "./object-buckets.ts";
import type { ObjectContext } from "./object-context.ts";
import { createAnnouncer } from "./object-events.ts";
import { createObjectIndex } from "./object-index.ts";
import { listOperations } from "./object-list.ts";
import { readOperations } from "./object-read.ts";
import { createStaging } from "./object-staging.ts";
import { writeOperations } from "./object-write.ts";
import { createQueueStore } from "./queue-store.ts";
import type { EmbeddedQueues } from "./queues.ts";

export type EmbeddedObjects = Pick<S3Client, "send" | "destroy">;

export interface EmbeddedObjectsOptions {
  readonly folder: string;
  /** The queues of the same folder in this process: they are woken at once by an event, others look within 50 ms. */
  readonly queues?: Pick<EmbeddedQueues, "wake">;
  readonly clock: Clock;
}

/** For tests of crashes only. */
export interface ObjectFaults {
  /** Runs when a change is on the disk and not yet committed. */
  readonly beforeCommit?: () => void;
}

/** Opens the objects under `folder` (made where it is missing). Throws with the system's code where it cannot be written. */
export function createEmbeddedObjects(options: EmbeddedObjectsOptions, faults: ObjectFaults = {}): EmbeddedObjects {
  const { queues, clock } = options;
  const folder = resolve(options.folder);
  const db = openDatabase(folder);
  const queueStore = createQueueStore(db);
  const announcer = createAnnouncer(queueStore, clock);
  const write: ObjectContext["write"] = (work) => {
    try {
      return transact(db, () => {
        const result = work();
        faults.beforeCommit?.();
        return result;
      });
    } finally {
      queues?.wake(announcer.takeTold());
    }
  };
  const context: ObjectContext = { write, index: createObjectIndex(db), announcer, clock, folder };
  const operations = {
    ...writeOperations(context, createStaging(folder, clock)),
    ...readOperations(context),
    ...listOperations(context),
    ...bucketOperations(context, queueStore),
  };
  const send = createSend({ operations, notImplemented: s3NotImplemented, explain: explainS3 });
  return {
    // createSend refuses the one form of `send` that it has not: the callback.
    send: send as S3Client["send"],
    destroy: () => {
      if (db.isOpen) db.close();
    },
  };
}
