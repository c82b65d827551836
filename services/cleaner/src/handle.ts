/** The story of one message of the cleaner. */
import { type Message, SendMessageCommand } from "@aws-sdk/client-sqs";
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import type { Clients } from "@airlake/shared/clients";
import { datasetOfKey, sourceIdOf } from "@airlake/shared/contracts/keys";
import type { Source } from "@airlake/shared/contracts/keys";
import type { SourceChanged } from "@airlake/shared/contracts/messages";
import { maxReceiveCount } from "@airlake/shared/contracts/topology";
import { httpStatusOf } from "@airlake/shared/errors";
import type { Outcome } from "@airlake/shared/outcome";
import type { Target } from "@airlake/shared/stage/types";
import type { Hand, Handle } from "@airlake/shared/worker/hand";
import { stampOf } from "@airlake/shared/worker/replay-attributes";
import { type Command, parse } from "./parse.ts";
import { isHeld } from "./retraction-fuse.ts";

export interface HandleDeps {
  readonly clients: Clients;
  readonly rawBucket: string;
  readonly queueUrl: string;
  readonly knowsDataset: (name: string) => boolean;
  /** Brings a source's clean and quarantine parts in line with it. */
  readonly align: (target: Target, hand: Hand) => Promise<Outcome>;
}

/** Message → source → outcome. */
export function createHandle(deps: HandleDeps): Handle {
  return async (message, hand) => {
    const command = parse(message);
    switch (command.kind) {
      case "skipped":
        return command;
      case "unreadable":
        return { kind: "rejected", reason: "unreadable-message", detail: command.detail, parked: false };
      case "split":
        return split(deps, command, stampOf(message));
      case "look":
        return look(deps, command, hand).catch(async (error: unknown) => waitLonger(deps, message, command, error));
    }
  };
}

async function look(
  deps: HandleDeps,
  { source, correlationId, begins }: Extract<Command, { kind: "look" }>,
  hand: Hand,
): Promise<Outcome> {
  if (source.bucket !== deps.rawBucket) return { kind: "skipped", reason: "foreign-bucket" };
  const dataset = datasetOfKey(source.key);
  if (dataset === undefined || !deps.knowsDataset(dataset)) return rejectUnknown(deps, source, hand);
  const target: Target = { source, sourceId: sourceIdOf(source), dataset, correlationId, begins };
  const outcome = await deps.align(target, {
    ...hand,
    log: hand.log.child({ correlationId, dataset, key: source.key }),
  });
  return { ...outcome, facts: { dataset, source: target.sourceId, key: source.key, correlationId, ...outcome.facts } };
}

/** SQS parks a message at its tenth receive; what the fuse holds is sent anew before that. */
const heldReceives = maxReceiveCount - 2;
/** As long as SQS delays a message. */
const heldDelaySeconds = 900;

/** A message that the fuse holds waits for a person, who may sleep: every 30 to 45 minutes a new one takes its place, and none dies. */
async function waitLonger(
  deps: HandleDeps,
  message: Message,
  { source, correlationId }: { readonly source: Source; readonly correlationId: string },
  error: unknown,
): Promise<Outcome> {
  if (!isHeld(error) || Number(message.Attributes?.ApproximateReceiveCount ?? "1") < heldReceives) throw error;
  const pointer: SourceChanged = { contract: "source-changed/1", source, correlationId };
  await deps.clients.sqs.send(
    new SendMessageCommand({
      QueueUrl: deps.queueUrl,
      MessageBody: JSON.stringify(pointer),
      DelaySeconds: heldDelaySeconds,
    }),
  );
  return { kind: "skipped", reason: "retraction-held", facts: { key: source.key, correlationId } };
}

/** One message stays one source, so that each can fail and be replayed alone. */
async function split(
  deps: HandleDeps,
  command: { readonly sources: readonly Source[]; readonly correlationId: string },
  stamp: ReturnType<typeof stampOf>,
): Promise<Outcome> {
  for (const [index, source] of command.sources.entries()) {
    const pointer: SourceChanged = {
      contract: "source-changed/1",
      source,
      correlationId: `${command.correlationId}.${index}`,
    };
    await deps.clients.sqs.send(
      new SendMessageCommand({
        QueueUrl: deps.queueUrl,
        MessageBody: JSON.stringify(pointer),
        MessageAttributes: { ...stamp },
      }),
    );
  }
  return { kind: "done", facts: { sources: command.sources.length } };
}

async function rejectUnknown(deps: HandleDeps, source: Source, hand: Hand): Promise<Outcome> {
  try {
    await deps.clients.s3.send(new HeadObjectCommand({ Bucket: source.bucket, Key: source.key }), {
      abortSignal: hand.signal,
    });
  } catch (error) {
    if (httpStatusOf(error) === 404) return { kind: "skipped", reason: "unknown-dataset-and-gone" };
    throw error;
  }
  const detail = `${source.key} lies in no dataset's folder: move it under the folder of a dataset, or add a dataset of that name`;
  const failureKey = await hand.recordFailure({ reason: "unknown-dataset", detail, source });
  await hand.park("unknown-dataset", failureKey);
  return { kind: "rejected", reason: "unknown-dataset", detail, parked: true, facts: { key: source.key } };
}
