/** Tells queues about objects, as S3 does. A message is written in the transaction that writes the object: neither is ever alone. */
import { z } from "zod";
import type { Clock } from "../clock.ts";
import { encodeEventKey } from "./event-key.ts";
import type { BucketRow } from "./object-index.ts";
import { numberOf, queueNameOfArn } from "./queue-attributes.ts";
import { remembering } from "./remembering.ts";
import { newMessageId } from "./queue-steps.ts";
import type { QueueStore } from "./queue-store.ts";

export interface ObjectEvent {
  readonly name: "ObjectCreated:Put" | "ObjectRemoved:Delete";
  readonly key: string;
  /** Of a created object only. */
  readonly content?: { readonly etag: string; readonly sizeBytes: number };
}

const subscription = z.object({
  id: z.string(),
  queueArn: z.string(),
  events: z.array(z.string()),
  prefix: z.string(),
  suffix: z.string(),
});
/** One queue that wants to hear of a bucket's objects. */
export type Subscription = Readonly<z.infer<typeof subscription>>;

export interface Announcer {
  /** Writes the event to all queues that want it; inside a transaction. */
  announce(bucket: BucketRow, event: ObjectEvent): void;
  /** Writes S3's test message to a queue; inside a transaction. */
  sendTestEvent(bucket: string, queueArn: string): void;
  /** The queues that were written to since the last call. */
  takeTold(): readonly string[];
}

export function createAnnouncer(queues: QueueStore, clock: Clock): Announcer {
  let told = new Set<string>();
  const subscriptions = remembering(parseSubscriptions);
  const send = (queueArn: string, message: object): void => {
    const queue = queues.findQueue(queueNameOfArn(queueArn) ?? "");
    // As in S3, an event to a queue that is gone is lost; the configuration was checked when it was made.
    if (queue === undefined) return;
    const sentAtMs = clock.now().getTime();
    const visibleAtMs = sentAtMs + numberOf(queue.attributes, "DelaySeconds") * 1000;
    const body = JSON.stringify(message);
    queues.addMessage({
      queueId: queue.id,
      messageId: newMessageId(clock),
      body,
      attributes: undefined,
      sentAtMs,
      visibleAtMs,
    });
    told.add(queue.name);
  };
  return {
    announce: (bucket, event) => {
      for (const wish of bucket.notification === undefined ? [] : subscriptions(bucket.notification)) {
        if (wants(wish, event)) send(wish.queueArn, eventMessage(bucket.name, wish, event, clock));
      }
    },
    sendTestEvent: (bucket, queueArn) => {
      const Time = clock.now().toISOString();
      send(queueArn, {
        Service: "Amazon S3",
        Event: "s3:TestEvent",
        Time,
        Bucket: bucket,
        RequestId: clock.newId(),
        HostId: "embedded",
      });
    },
    takeTold: () => {
      const names = [...told];
      told = new Set();
      return names;
    },
  };
}

/** The subscriptions that a bucket was configured with. */
export function subscriptionsOf(bucket: BucketRow): readonly Subscription[] {
  return bucket.notification === undefined ? [] : parseSubscriptions(bucket.notification);
}

function parseSubscriptions(json: string): readonly Subscription[] {
  return z.array(subscription).parse(JSON.parse(json));
}

function wants(wish: Subscription, event: ObjectEvent): boolean {
  const kind = `s3:${event.name.slice(0, event.name.indexOf(":"))}:*`;
  if (!wish.events.includes(`s3:${event.name}`) && !wish.events.includes(kind)) return false;
  return event.key.startsWith(wish.prefix) && event.key.endsWith(wish.suffix);
}

function eventMessage(bucket: string, wish: Subscription, event: ObjectEvent, clock: Clock): object {
  const now = clock.now();
  const content = event.content === undefined ? {} : { size: event.content.sizeBytes, eTag: event.content.etag };
  const record = {
    eventVersion: "2.1",
    eventSource: "aws:s3",
    awsRegion: "us-east-1",
    eventTime: now.toISOString(),
    eventName: event.name,
    userIdentity: { principalId: "embedded" },
    requestParameters: { sourceIPAddress: "127.0.0.1" },
    responseElements: { "x-amz-request-id": clock.newId(), "x-amz-id-2": "embedded" },
    s3: {
      s3SchemaVersion: "1.0",
      configurationId: wish.id,
      bucket: { name: bucket, ownerIdentity: { principalId: "embedded" }, arn: `arn:aws:s3:::${bucket}` },
      object: {
        key: encodeEventKey(event.key),
        ...content,
        sequencer: now.getTime().toString(16).toUpperCase().padStart(16, "0"),
      },
    },
  };
  return { Records: [record] };
}
