/** The contract of objects and queues, on the embedded adapters. contract-localstack.test.ts runs the very same on LocalStack. */
import { afterAll, beforeAll, describe } from "vitest";
import { batchContract } from "../../src/testing/contract-batches.ts";
import type { ContractClients } from "../../src/testing/contract-clients.ts";
import { eventContract } from "../../src/testing/contract-events.ts";
import { keyContract } from "../../src/testing/contract-keys.ts";
import { objectContract } from "../../src/testing/contract-objects.ts";
import { queueContract } from "../../src/testing/contract-queues.ts";
import { openEmbedded } from "./open-embedded.ts";
import type { Embedded } from "./open-embedded.ts";

let embedded: Embedded;
const open = (): ContractClients => ({ s3: embedded.objects, sqs: embedded.queues });

describe("the embedded adapters", () => {
  beforeAll(() => {
    embedded = openEmbedded();
  });
  afterAll(() => embedded[Symbol.dispose]());

  objectContract(open);
  keyContract(open);
  eventContract(open);
  queueContract(open);
  batchContract(open);
});
