/**
 * Makes what a lake stands on: queues with their dead-letter queues, the topic, buckets, and who tells whom. Looks before it writes, so
 * that a second run changes nothing and says so; what was changed by hand is put right.
 */
import type { Topology } from "@airlake/shared/contracts/topology";
import type { Logger } from "@airlake/shared/logger";

import type { AwsClients } from "./clients.ts";
import { makeBucket, notifyQueue, versionBucket } from "./make-buckets.ts";
import { makeQueue } from "./make-queue.ts";
import { deadLetterAttributes, onlyFrom, workAttributes } from "./queue-attributes.ts";
import type { Step } from "./outcome.ts";
import { makeTopic, subscribeQueue, topicArnBeside } from "./make-topic.ts";

export interface BootstrapDeps extends AwsClients {
  readonly log: Logger;
}

/** Brings buckets, queues and topic in line with the topology; logs and returns what was done about each thing. */
export async function bootstrap(deps: BootstrapDeps, topology: Topology): Promise<readonly Step[]> {
  const steps: Step[] = [];
  const told = <T extends Step>(step: T): T => {
    const { what, name, outcome } = step;
    deps.log.info({ what, name, outcome }, "looked after");
    steps.push({ what, name, outcome });
    return step;
  };

  const { ingest, clean, join, catalog } = topology.queues;
  const deadLetterArns = new Map<string, string>();
  for (const { name, deadLetterName } of Object.values(topology.queues)) {
    const made = told(await makeQueue(deps.sqs, deadLetterName, () => deadLetterAttributes()));
    deadLetterArns.set(name, made.arn);
  }
  const work = async (
    name: string,
    from?: { readonly sender: "s3" | "sns"; readonly arnOf: (own: string) => string },
  ) =>
    told(
      await makeQueue(deps.sqs, name, (own) => ({
        ...workAttributes(deadLetterArns.get(name) ?? ""),
        ...(from === undefined ? {} : onlyFrom(from.sender, own, from.arnOf(own))),
      })),
    );
  const ingestQueue = await work(ingest.name, {
    sender: "sns",
    arnOf: (own) => topicArnBeside(own, topology.ingestTopic),
  });
  const cleanQueue = await work(clean.name, {
    sender: "s3",
    arnOf: (own) => `arn:${own.split(":")[1] ?? "aws"}:s3:::${topology.buckets.raw}`,
  });
  await work(join.name);
  await work(catalog.name);

  const topic = told(await makeTopic(deps.sns, topicArnBeside(ingestQueue.arn, topology.ingestTopic)));
  told(await subscribeQueue(deps.sns, topic.arn, ingestQueue.arn));

  for (const bucket of Object.values(topology.buckets)) told(await makeBucket(deps.s3, bucket));
  told(await versionBucket(deps.s3, topology.buckets.raw));
  // Last: S3 checks that it may write to the queue.
  told(await notifyQueue(deps.s3, topology.buckets.raw, cleanQueue.arn));

  return sumUp(deps.log, steps);
}

function sumUp(log: Logger, steps: readonly Step[]): readonly Step[] {
  const count = (outcome: Step["outcome"]): number => steps.filter((step) => step.outcome === outcome).length;
  const counts = { created: count("created"), changed: count("changed"), unchanged: count("unchanged") };
  log.info(counts, counts.unchanged === steps.length ? "all was there already, nothing changed" : "the lake is made");
  return steps;
}
