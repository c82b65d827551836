/** The lake's buckets: made, versioned, and told whom to tell. */
import {
  CreateBucketCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketVersioningCommand,
  HeadBucketCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketVersioningCommand,
} from "@aws-sdk/client-s3";
import type { QueueConfiguration } from "@aws-sdk/client-s3";
import { rawEvents } from "@airlake/shared/contracts/topology";
import { ConfigError, httpStatusOf } from "@airlake/shared/errors";

import type { AwsClients } from "./clients.ts";
import type { Step } from "./outcome.ts";

export async function makeBucket(s3: AwsClients["s3"], bucket: string): Promise<Step> {
  const step = { what: "bucket", name: bucket };
  try {
    await s3.send(new HeadBucketCommand({ Bucket: bucket }));
    return { ...step, outcome: "unchanged" };
  } catch (error) {
    const status = httpStatusOf(error);
    if (status === 403) {
      throw new ConfigError(
        `the bucket ${bucket} belongs to somebody else, or is closed to you: choose another LAKE_PREFIX`,
        {
          cause: error,
        },
      );
    }
    if (status !== 404) throw error;
  }
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  return { ...step, outcome: "created" };
}

/** Versions let a person bring back a source that was overwritten or removed by mistake. */
export async function versionBucket(s3: AwsClients["s3"], bucket: string): Promise<Step> {
  const step = { what: "versioning", name: bucket };
  const found = await s3.send(new GetBucketVersioningCommand({ Bucket: bucket }));
  if (found.Status === "Enabled") return { ...step, outcome: "unchanged" };
  const VersioningConfiguration = { Status: "Enabled" as const };
  await s3.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
  return { ...step, outcome: "created" };
}

/** The bucket tells the queue of every change. Other subscriptions of the bucket stay as they are. */
export async function notifyQueue(s3: AwsClients["s3"], bucket: string, queueArn: string): Promise<Step> {
  const step = { what: "notification", name: bucket };
  const { $metadata: _, ...found } = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket: bucket }));
  const all = found.QueueConfigurations ?? [];
  const own = all.filter((configuration) => configuration.QueueArn === queueArn);
  if (own.length === 1 && own.every(isWanted)) return { ...step, outcome: "unchanged" };
  const others = all.filter((configuration) => configuration.QueueArn !== queueArn);
  const wanted: QueueConfiguration = { Id: "every-change", QueueArn: queueArn, Events: [...rawEvents] };
  await s3.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket: bucket,
      NotificationConfiguration: { ...found, QueueConfigurations: [...others, wanted] },
    }),
  );
  return { ...step, outcome: own.length === 0 ? "created" : "changed" };
}

function isWanted({ Events: events = [], Filter: filter }: QueueConfiguration): boolean {
  const isUnfiltered = (filter?.Key?.FilterRules ?? []).length === 0;
  return isUnfiltered && events.length === rawEvents.length && rawEvents.every((event) => events.includes(event));
}
