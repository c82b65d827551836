/** The services by the names that failure records give them, each with its queue. */
import {
  type QueueRole,
  deadLetterRetentionSeconds,
  queueRoles,
  retentionSeconds,
} from "@airlake/shared/contracts/topology";
import { InvalidArgumentError } from "commander";

import type { OpenedLake } from "../opened-lake.ts";

const services = { ingest: "ingestor", clean: "cleaner", join: "joiner", catalog: "catalog-sync" } as const;
export type Service = (typeof services)[QueueRole];

/** A queue that an operator looks into: a service's dead letters, or what still waits for it. */
export interface Box {
  readonly stage: Service;
  readonly role: QueueRole;
  readonly kind: "dead" | "queued";
  readonly url: string;
  /** Where its messages go when they are replayed. */
  readonly sourceUrl: string;
  /** SQS drops a message when it is so old, counted from when it was first sent. */
  readonly retentionSeconds: number;
}

/** The stage that a person named, by its service or by its queue. Throws for any other word. */
export function stageNamed(text: string): Service {
  const role = queueRoles.find((one) => one === text || services[one] === text);
  if (role !== undefined) return services[role];
  throw new InvalidArgumentError(`It must be one of ${queueRoles.map((one) => services[one]).join(", ")}.`);
}

/** The boxes of a lake, or the one of a stage. */
export function boxesOf(opened: OpenedLake, kind: Box["kind"], stage?: Service): readonly Box[] {
  return queueRoles
    .filter((role) => stage === undefined || services[role] === stage)
    .map((role) => {
      const { url, deadLetterUrl } = opened.queues[role];
      const dead = kind === "dead";
      return {
        stage: services[role],
        role,
        kind,
        url: dead ? deadLetterUrl : url,
        sourceUrl: url,
        retentionSeconds: dead ? deadLetterRetentionSeconds : retentionSeconds,
      };
    });
}

export function isService(text: string): text is Service {
  return queueRoles.some((role) => services[role] === text);
}
