/** One queue, made or put right. */
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SetQueueAttributesCommand,
} from "@aws-sdk/client-sqs";

import type { AwsClients } from "./clients.ts";
import { isSameJson } from "./outcome.ts";
import type { Step } from "./outcome.ts";
import type { QueueAttributes } from "./queue-attributes.ts";

const documents = new Set(["RedrivePolicy", "Policy"]);

/** `wanted` is given the queue's own ARN. Attributes that it does not name are left as they are. */
export async function makeQueue(
  sqs: AwsClients["sqs"],
  name: string,
  wanted: (arn: string) => QueueAttributes,
): Promise<Step & { readonly arn: string }> {
  const existing = await urlOf(sqs, name);
  const url = existing ?? (await sqs.send(new CreateQueueCommand({ QueueName: name }))).QueueUrl;
  const { Attributes: found = {} } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] }),
  );
  const arn = found.QueueArn;
  if (arn === undefined) throw new Error(`no ARN for the queue ${name}`);
  const differing = Object.entries(wanted(arn)).filter(([key, value]) => !isSame(key, { ...found }, value));
  if (differing.length > 0) {
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: Object.fromEntries(differing) }));
  }
  const outcome = existing === undefined ? "created" : differing.length > 0 ? "changed" : "unchanged";
  return { what: "queue", name, outcome, arn };
}

async function urlOf(sqs: AwsClients["sqs"], name: string): Promise<string | undefined> {
  try {
    return (await sqs.send(new GetQueueUrlCommand({ QueueName: name }))).QueueUrl;
  } catch (error) {
    if (error instanceof Error && error.name === "QueueDoesNotExist") return undefined;
    throw error;
  }
}

function isSame(key: string, found: Readonly<Record<string, string>>, wanted: string): boolean {
  return documents.has(key) ? isSameJson(found[key], wanted) : found[key] === wanted;
}
