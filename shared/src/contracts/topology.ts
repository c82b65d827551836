/** The names and limits of buckets and queues, in one place: for the embedded run, the bootstrap, the deployment and the tests. */

export const bucketRoles = ["raw", "silver", "gold", "ops"] as const;
export type BucketRole = (typeof bucketRoles)[number];
/** The lake's bucket names by role. */
export type Buckets = Readonly<Record<BucketRole, string>>;

export const queueRoles = ["ingest", "clean", "join", "catalog"] as const;
export type QueueRole = (typeof queueRoles)[number];

/** SQS parks a message after this many receives. */
export const maxReceiveCount = 10;
/** How long a message stays hidden while it is in hand; the worker's heartbeat extends it. */
export const visibilityTimeoutSeconds = 120;
export const retentionSeconds = 4 * 24 * 3600;
/** Dead letters keep their message's age, so they need the longest retention SQS has. */
export const deadLetterRetentionSeconds = 14 * 24 * 3600;

/** As large as SQS allows. */
export const maxMessageBytes = 1_048_576;
/** What the raw bucket tells the clean queue: every way in which a source can come, change or go. */
export const rawEvents = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"] as const;

export interface Topology {
  readonly buckets: Buckets;
  readonly queues: Readonly<Record<QueueRole, { readonly name: string; readonly deadLetterName: string }>>;
  /** What is published to this topic reaches the ingest queue as it is. */
  readonly ingestTopic: string;
}

/** The buckets and queues of one lake. An empty prefix gives the bare role names, as the embedded lake uses them. */
export function topologyOf(prefix: string): Topology {
  const named = (role: string): string => (prefix === "" ? role : `${prefix}-${role}`);
  const queue = (role: QueueRole) => ({ name: named(role), deadLetterName: `${named(role)}-dlq` });
  return {
    buckets: { raw: named("raw"), silver: named("silver"), gold: named("gold"), ops: named("ops") },
    queues: { ingest: queue("ingest"), clean: queue("clean"), join: queue("join"), catalog: queue("catalog") },
    ingestTopic: named("ingest"),
  };
}
