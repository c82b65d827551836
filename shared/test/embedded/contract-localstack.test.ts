/** The contract of objects and queues, on LocalStack: what the embedded adapters promise, they promise because it holds here. */
import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, it } from "vitest";
import { containerReason, localStackImage, startLocalStack } from "../../src/testing/containers.ts";
import type { Emulator } from "../../src/testing/containers.ts";
import { objectsAndQueuesContract } from "../../src/testing/contract.ts";
import type { ContractClients } from "../../src/testing/contract-clients.ts";

const reason = containerReason(localStackImage);
let emulator: Emulator;
let clients: { readonly s3: S3Client; readonly sqs: SQSClient };
const open = (): ContractClients => clients;

// The contract's cases are listed only where they can run: without Docker, one line stands for them, skipped with the reason.
if (reason === undefined) describe("LocalStack", onLocalStack);
else
  it.skipIf(reason !== undefined)(`LocalStack keeps the contract of the embedded adapters (skipped: ${reason})`, noop);

function noop(): void {}

function onLocalStack(): void {
  beforeAll(async () => {
    emulator = await startLocalStack();
    clients = {
      s3: new S3Client({ ...emulator.clientConfig, forcePathStyle: true }),
      sqs: new SQSClient({ ...emulator.clientConfig, useQueueUrlAsEndpoint: false }),
    };
  }, 200_000);
  afterAll(async () => {
    clients.s3.destroy();
    clients.sqs.destroy();
    await emulator[Symbol.asyncDispose]();
  });

  objectsAndQueuesContract(open);
}
