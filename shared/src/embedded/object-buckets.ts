/** Buckets, and which queues hear of their objects. */
import type * as S3 from "@aws-sdk/client-s3";
import { s3Error, s3NotImplemented } from "./aws-errors.ts";
import { operation } from "./client-shape.ts";
import type { Operation } from "./client-shape.ts";
import { makeFolders } from "./folders.ts";
import { bucketFolderOf, findBucket } from "./object-context.ts";
import type { ObjectContext } from "./object-context.ts";
import { subscriptionsOf } from "./object-events.ts";
import type { Subscription } from "./object-events.ts";
import { queueNameOfArn } from "./queue-attributes.ts";
import type { QueueStore } from "./queue-store.ts";

export function bucketOperations(context: ObjectContext, queues: QueueStore): Readonly<Record<string, Operation>> {
  return { ...buckets(context), ...notifications(context, queues) };
}

function buckets(context: ObjectContext): Readonly<Record<string, Operation>> {
  return {
    CreateBucket: operation<S3.CreateBucketCommandInput>(["Bucket", "CreateBucketConfiguration"], (input) => {
      const name = checkBucketName(input.Bucket);
      context.write(() => {
        context.index.addBucket(name);
        makeFolders(bucketFolderOf(context, name));
      });
      return { Location: `/${name}` };
    }),
    HeadBucket: operation<S3.HeadBucketCommandInput>(["Bucket"], (input) => {
      if (!context.index.hasBucket(input.Bucket ?? "")) throw s3Error("NotFound", 404, "UnknownError");
      return { BucketRegion: "us-east-1" };
    }),
  };
}

function notifications(context: ObjectContext, queues: QueueStore): Readonly<Record<string, Operation>> {
  return {
    GetBucketNotificationConfiguration: operation<S3.GetBucketNotificationConfigurationCommandInput>(
      ["Bucket"],
      (input) => {
        const subscriptions = subscriptionsOf(findBucket(context, input.Bucket));
        return subscriptions.length === 0 ? {} : { QueueConfigurations: subscriptions.map(toConfiguration) };
      },
    ),
    // The destination is always checked, whatever SkipDestinationValidation says.
    PutBucketNotificationConfiguration: operation<S3.PutBucketNotificationConfigurationCommandInput>(
      ["Bucket", "NotificationConfiguration"],
      (input) => {
        const subscriptions = readConfiguration(input.NotificationConfiguration ?? {}, () => context.clock.newId());
        context.write(() => {
          const { name } = findBucket(context, input.Bucket);
          for (const { queueArn } of subscriptions) {
            if (queues.findQueue(queueNameOfArn(queueArn) ?? "") !== undefined) continue;
            throw s3Error("InvalidArgument", 400, "Unable to validate the following destination configurations");
          }
          context.index.setNotification(name, JSON.stringify(subscriptions));
          for (const { queueArn } of subscriptions) context.announcer.sendTestEvent(name, queueArn);
        });
        return {};
      },
    ),
  };
}

function checkBucketName(name: string | undefined): string {
  if (name !== undefined && /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes("..")) return name;
  throw s3Error("InvalidBucketName", 400, "The specified bucket is not valid.");
}

function readConfiguration(given: S3.NotificationConfiguration, newId: () => string): readonly Subscription[] {
  const { QueueConfigurations: queues = [], ...others } = given;
  const unknown = Object.entries(others).find(
    ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  if (unknown !== undefined)
    throw s3NotImplemented(`The embedded adapter tells queues only, it does not know ${unknown[0]}.`);
  return queues.map((queue) => {
    const rules = queue.Filter?.Key?.FilterRules ?? [];
    const valueOf = (name: string): string => rules.find((rule) => rule.Name?.toLowerCase() === name)?.Value ?? "";
    if (rules.some((rule) => !["prefix", "suffix"].includes(rule.Name?.toLowerCase() ?? ""))) {
      throw s3Error("InvalidArgument", 400, "filter rule name must be either prefix or suffix");
    }
    const events = queue.Events ?? [];
    return {
      id: queue.Id ?? newId(),
      queueArn: queue.QueueArn ?? "",
      events,
      prefix: valueOf("prefix"),
      suffix: valueOf("suffix"),
    };
  });
}

function toConfiguration({ id, queueArn, events, prefix, suffix }: Subscription): object {
  const rules = [
    { Name: "Prefix", Value: prefix },
    { Name: "Suffix", Value: suffix },
  ].filter((rule) => rule.Value !== "");
  const filter = rules.length === 0 ? {} : { Filter: { Key: { FilterRules: rules } } };
  return { Id: id, QueueArn: queueArn, Events: events, ...filter };
}
