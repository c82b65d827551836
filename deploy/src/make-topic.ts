/** The topic that feeds the ingest queue. */
import {
  CreateTopicCommand,
  GetSubscriptionAttributesCommand,
  GetTopicAttributesCommand,
  ListSubscriptionsByTopicCommand,
  SetSubscriptionAttributesCommand,
  SubscribeCommand,
} from "@aws-sdk/client-sns";

import type { AwsClients } from "./clients.ts";
import type { Step } from "./outcome.ts";

/** A topic's ARN in the partition, region and account of a queue. */
export function topicArnBeside(queueArn: string, name: string): string {
  const [, partition, , region, account] = queueArn.split(":");
  return ["arn", partition, "sns", region, account, name].join(":");
}

export async function makeTopic(sns: AwsClients["sns"], arn: string): Promise<Step & { readonly arn: string }> {
  const name = nameIn(arn);
  if (await isThere(sns, arn)) return { what: "topic", name, outcome: "unchanged", arn };
  const made = await sns.send(new CreateTopicCommand({ Name: name }));
  return { what: "topic", name, outcome: "created", arn: made.TopicArn ?? arn };
}

/** What is published reaches the queue bare, without SNS's envelope. */
export async function subscribeQueue(sns: AwsClients["sns"], topicArn: string, queueArn: string): Promise<Step> {
  const step = { what: "subscription", name: `${nameIn(topicArn)} to ${nameIn(queueArn)}` };
  const existing = await subscriptionOf(sns, topicArn, queueArn);
  if (existing === undefined) {
    const Attributes = { RawMessageDelivery: "true" };
    await sns.send(new SubscribeCommand({ TopicArn: topicArn, Protocol: "sqs", Endpoint: queueArn, Attributes }));
    return { ...step, outcome: "created" };
  }
  const { Attributes: found } = await sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn: existing }));
  if (found?.["RawMessageDelivery"] === "true") return { ...step, outcome: "unchanged" };
  const raw = { SubscriptionArn: existing, AttributeName: "RawMessageDelivery", AttributeValue: "true" };
  await sns.send(new SetSubscriptionAttributesCommand(raw));
  return { ...step, outcome: "changed" };
}

async function isThere(sns: AwsClients["sns"], arn: string): Promise<boolean> {
  try {
    await sns.send(new GetTopicAttributesCommand({ TopicArn: arn }));
    return true;
  } catch (error) {
    if (error instanceof Error && error.name.startsWith("NotFound")) return false;
    throw error;
  }
}

async function subscriptionOf(sns: AwsClients["sns"], topicArn: string, queueArn: string): Promise<string | undefined> {
  let after: string | undefined;
  do {
    const page = await sns.send(
      new ListSubscriptionsByTopicCommand({ TopicArn: topicArn, ...(after === undefined ? {} : { NextToken: after }) }),
    );
    const found = page.Subscriptions?.find(({ Protocol, Endpoint }) => Protocol === "sqs" && Endpoint === queueArn);
    if (found?.SubscriptionArn !== undefined) return found.SubscriptionArn;
    after = page.NextToken;
  } while (after !== undefined);
  return undefined;
}

function nameIn(arn: string): string {
  return arn.slice(arn.lastIndexOf(":") + 1);
}
