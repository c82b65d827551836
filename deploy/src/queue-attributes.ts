/** What a queue of the lake is set to. */
import {
  deadLetterRetentionSeconds,
  maxMessageBytes,
  maxReceiveCount,
  retentionSeconds,
  visibilityTimeoutSeconds,
} from "@airlake/shared/contracts/topology";

/** Attributes of a queue, as SQS names them. */
export type QueueAttributes = Readonly<Record<string, string>>;

export function deadLetterAttributes(): QueueAttributes {
  return { MessageRetentionPeriod: String(deadLetterRetentionSeconds), MaximumMessageSize: String(maxMessageBytes) };
}

export function workAttributes(deadLetterTargetArn: string): QueueAttributes {
  return {
    VisibilityTimeout: String(visibilityTimeoutSeconds),
    MessageRetentionPeriod: String(retentionSeconds),
    MaximumMessageSize: String(maxMessageBytes),
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }),
  };
}

/** A policy by which one bucket or topic may send to the queue, and no other one. The account's own roles need none. */
export function onlyFrom(sender: "s3" | "sns", queueArn: string, senderArn: string): QueueAttributes {
  const account = queueArn.split(":")[4] ?? "";
  const statement = {
    Sid: `only-${sender}`,
    Effect: "Allow",
    Principal: { Service: `${sender}.amazonaws.com` },
    Action: "sqs:SendMessage",
    Resource: queueArn,
    Condition: { ArnEquals: { "aws:SourceArn": senderArn }, StringEquals: { "aws:SourceAccount": account } },
  };
  return { Policy: JSON.stringify({ Version: "2012-10-17", Statement: [statement] }) };
}
