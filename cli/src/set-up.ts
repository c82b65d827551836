/** Makes the lake's buckets and queues, and lets the raw bucket tell the cleaner's queue. Can be repeated at any time. */
import {
  CreateBucketCommand,
  GetBucketNotificationConfigurationCommand,
  HeadBucketCommand,
  PutBucketNotificationConfigurationCommand,
} from "@aws-sdk/client-s3";
import { CreateQueueCommand, GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import {
  type QueueRole,
  type Topology,
  deadLetterRetentionSeconds,
  maxReceiveCount,
  queueRoles,
  retentionSeconds,
  visibilityTimeoutSeconds,
} from "@airlake/shared/contracts/topology";
import { httpStatusOf } from "@airlake/shared/errors";
import type { ObjectStore } from "@airlake/shared/object-store";
import type { QueueClient } from "@airlake/shared/queue-client";

/** The URLs of one queue and of its dead-letter queue. */
export interface QueueUrls {
  readonly url: string;
  readonly deadLetterUrl: string;
}

export async function setUp(
  clients: { readonly s3: ObjectStore; readonly sqs: QueueClient },
  topology: Topology,
): Promise<Readonly<Record<QueueRole, QueueUrls>>> {
  const made = await Promise.all(
    queueRoles.map(async (role) => [role, await makeQueue(clients.sqs, topology.queues[role])] as const),
  );
  for (const bucket of Object.values(topology.buckets)) await makeBucket(clients.s3, bucket);
  const urls = new Map(made);
  const of = (role: QueueRole): QueueUrls => {
    const found = urls.get(role);
    if (found === undefined) throw new Error(`queue ${role} was not made`);
    return found;
  };
  await tellQueue(clients, topology.buckets.raw, of("clean").url);
  return { ingest: of("ingest"), clean: of("clean"), join: of("join"), catalog: of("catalog") };
}

async function makeQueue(
  sqs: QueueClient,
  names: { readonly name: string; readonly deadLetterName: string },
): Promise<QueueUrls> {
  const deadLetters = await sqs.send(
    new CreateQueueCommand({
      QueueName: names.deadLetterName,
      Attributes: { MessageRetentionPeriod: String(deadLetterRetentionSeconds) },
    }),
  );
  const deadLetterTargetArn = await arnOf(sqs, deadLetters.QueueUrl);
  const queue = await sqs.send(
    new CreateQueueCommand({
      QueueName: names.name,
      Attributes: {
        VisibilityTimeout: String(visibilityTimeoutSeconds),
        MessageRetentionPeriod: String(retentionSeconds),
        RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }),
      },
    }),
  );
  if (queue.QueueUrl === undefined || deadLetters.QueueUrl === undefined)
    throw new Error(`no URL for the new queue ${names.name}`);
  return { url: queue.QueueUrl, deadLetterUrl: deadLetters.QueueUrl };
}

async function arnOf(sqs: QueueClient, url: string | undefined): Promise<string> {
  const { Attributes: found } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["QueueArn"] }),
  );
  const arn = found?.["QueueArn"];
  if (arn === undefined) throw new Error(`no ARN for the queue ${url}`);
  return arn;
}

async function makeBucket(s3: ObjectStore, bucket: string): Promise<void> {
  try {
    await s3.send(new HeadBucketCommand({ Bucket: bucket }));
  } catch (error) {
    if (httpStatusOf(error) !== 404) throw error;
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  }
}

/** Only where it does not say so yet: S3 sends a test event each time it is told. */
async function tellQueue(
  clients: { readonly s3: ObjectStore; readonly sqs: QueueClient },
  bucket: string,
  queueUrl: string,
): Promise<void> {
  const queueArn = await arnOf(clients.sqs, queueUrl);
  const { QueueConfigurations: told = [] } = await clients.s3.send(
    new GetBucketNotificationConfigurationCommand({ Bucket: bucket }),
  );
  const [only] = told;
  const tells = only?.QueueArn === queueArn && events.every((event) => only.Events?.includes(event) === true);
  if (tells && told.length === 1 && only.Filter === undefined) return;
  await clients.s3.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket: bucket,
      NotificationConfiguration: { QueueConfigurations: [{ QueueArn: queueArn, Events: [...events] }] },
    }),
  );
}

const events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"] as const;
