/** What the contract's cases have in common: a pair of clients, and small ways to use them. */
import { randomBytes } from "node:crypto";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import type { PutObjectCommandInput, S3Client } from "@aws-sdk/client-s3";
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import type { Message, QueueAttributeName, ReceiveMessageCommandInput, SQSClient } from "@aws-sdk/client-sqs";

/** The pair that a suite runs against. */
export interface ContractClients {
  readonly s3: Pick<S3Client, "send">;
  readonly sqs: Pick<SQSClient, "send">;
}

/** Gives the clients once the suite runs; they are opened and closed by whoever registers it. */
export type OpenClients = () => ContractClients;

export interface ObjectAddress {
  readonly bucket: string;
  readonly key: string;
}

export interface Refusal {
  readonly name: string;
  readonly status: number | undefined;
}

export function uniqueName(start: string): string {
  return `${start}-${randomBytes(6).toString("hex")}`;
}

export async function newBucket({ s3 }: ContractClients): Promise<string> {
  const bucket = uniqueName("contract");
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  return bucket;
}

export async function put(
  { s3 }: ContractClients,
  { bucket, key }: ObjectAddress,
  body: NonNullable<PutObjectCommandInput["Body"]>,
  options: Partial<PutObjectCommandInput> = {},
): Promise<string> {
  const request: PutObjectCommandInput = { ...options, Bucket: bucket, Key: key, Body: body };
  return (await s3.send(new PutObjectCommand(request))).ETag ?? "";
}

export async function textAt({ s3 }: ContractClients, bucket: string, key: string): Promise<string | undefined> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return Body?.transformToString();
}

/** What each of several requests was refused with. */
export async function refusalsOf(requests: readonly Promise<unknown>[]): Promise<readonly Refusal[]> {
  return Promise.all(requests.map(refusalOf));
}

/** What a request was refused with. Throws where it was not. */
export async function refusalOf(request: Promise<unknown>): Promise<Refusal> {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const metadata = "$metadata" in error && typeof error.$metadata === "object" ? { ...error.$metadata } : {};
    const status = "httpStatusCode" in metadata ? Number(metadata.httpStatusCode) : undefined;
    return { name: error.name, status };
  }
  throw new Error("the request was not refused");
}

/** Which of several concurrent requests went well, by their places, and what the others were refused with. */
export async function raceOf(requests: readonly Promise<unknown>[]) {
  const results = await Promise.allSettled(requests);
  const lost = requests.filter((_, place) => results[place]?.status === "rejected");
  const won = results.flatMap(({ status }, place) => (status === "fulfilled" ? [place] : []));
  return { won, refusals: await refusalsOf(lost) };
}

export async function newQueue(
  { sqs }: ContractClients,
  attributes: Readonly<Record<string, string>> = {},
): Promise<string> {
  const name = uniqueName("contract");
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: { ...attributes } }));
  return QueueUrl ?? "";
}

export async function attributesOf(
  { sqs }: ContractClients,
  queueUrl: string,
  names: readonly QueueAttributeName[] = ["All"],
): Promise<Readonly<Record<string, string>>> {
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: [...names] }),
  );
  return { ...Attributes };
}

export async function arnOf(clients: ContractClients, queueUrl: string): Promise<string> {
  return (await attributesOf(clients, queueUrl, ["QueueArn"]))["QueueArn"] ?? "";
}

/** Counts by what they are called in SQS, without their common beginning. */
export async function countsOf(clients: ContractClients, queueUrl: string) {
  const attributes = await attributesOf(clients, queueUrl);
  const count = (ending: string): number => Number(attributes[`ApproximateNumberOfMessages${ending}`]);
  return { visible: count(""), inFlight: count("NotVisible"), delayed: count("Delayed") };
}

export async function sendText({ sqs }: ContractClients, queueUrl: string, body: string): Promise<string> {
  const { MessageId } = await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body }));
  return MessageId ?? "";
}

/** Waits up to `WaitTimeSeconds` (5 unless told) for messages. */
export async function receive(
  { sqs }: ContractClients,
  queueUrl: string,
  options: Partial<ReceiveMessageCommandInput> = {},
): Promise<readonly Message[]> {
  const request = { QueueUrl: queueUrl, WaitTimeSeconds: 5, MessageSystemAttributeNames: ["All" as const], ...options };
  return (await sqs.send(new ReceiveMessageCommand(request))).Messages ?? [];
}

/** One message, which has to be there. */
export async function receiveOne(
  clients: ContractClients,
  queueUrl: string,
  options: Partial<ReceiveMessageCommandInput> = {},
): Promise<Message> {
  const [message] = await receive(clients, queueUrl, options);
  if (message === undefined) throw new Error("no message came");
  return message;
}

export async function acknowledge(
  { sqs }: ContractClients,
  queueUrl: string,
  { ReceiptHandle }: Message,
): Promise<void> {
  await sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle }));
}

/** A queue whose messages go to the second after `receives` receives. */
export async function newQueueWithDeadLetters(clients: ContractClients, receives: number) {
  const deadLetters = await newQueue(clients);
  const deadLetterTargetArn = await arnOf(clients, deadLetters);
  const redrive = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: receives });
  return { queue: await newQueue(clients, { RedrivePolicy: redrive }), deadLetters };
}
