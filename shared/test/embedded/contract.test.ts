/** The contract of objects and queues, on the embedded adapters. contract-localstack.test.ts runs the very same on LocalStack. */
import { afterAll, beforeAll, describe } from "vitest";
import { objectsAndQueuesContract } from "../../src/testing/contract.ts";
import type { ContractClients } from "../../src/testing/contract-clients.ts";
import { openEmbedded } from "./open-embedded.ts";
import type { Embedded } from "./open-embedded.ts";

let embedded: Embedded;
const open = (): ContractClients => ({ s3: embedded.objects, sqs: embedded.queues });

describe("the embedded adapters", () => {
  beforeAll(() => {
    embedded = openEmbedded();
  });
  afterAll(() => embedded[Symbol.dispose]());

  objectsAndQueuesContract(open);
});
