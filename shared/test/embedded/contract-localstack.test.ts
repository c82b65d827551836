/** The contract of objects and queues, on LocalStack: what the embedded adapters promise, they promise because it holds here. */
import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe } from "vitest";
import { containerReason, localStackImage, startLocalStack } from "../../src/testing/containers.ts";
import type { Emulator } from "../../src/testing/containers.ts";
import { batchContract } from "../../src/testing/contract-batches.ts";
import type { ContractClients } from "../../src/testing/contract-clients.ts";
import { eventContract } from "../../src/testing/contract-events.ts";
import { keyContract } from "../../src/testing/contract-keys.ts";
import { objectContract } from "../../src/testing/contract-objects.ts";
import { queueContract } from "../../src/testing/contract-queues.ts";

const reason = containerReason(localStackImage);
let emulator: Emulator;
let clients: { readonly s3: S3Client; readonly sqs: SQSClient };
const open = (): ContractClients => clients;

describe.skipIf(reason !== undefined)(`LocalStack${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
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

  objectContract(open);
  keyContract(open);
  eventContract(open);
  queueContract(open);
  batchContract(open);
});
