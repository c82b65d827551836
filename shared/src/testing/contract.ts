/** All that the services rely on in objects and queues, wherever they run. */
import { batchContract } from "./contract-batches.ts";
import { readContract } from "./contract-bodies.ts";
import type { OpenClients } from "./contract-clients.ts";
import { eventContract } from "./contract-events.ts";
import { keyContract } from "./contract-keys.ts";
import { objectContract } from "./contract-objects.ts";
import { queueContract } from "./contract-queues.ts";
import { visibilityContract } from "./contract-visibility.ts";

/** Registers every case of the contract with vitest, against the clients that `open` gives once the cases run. */
export function objectsAndQueuesContract(open: OpenClients): void {
  objectContract(open);
  readContract(open);
  keyContract(open);
  eventContract(open);
  queueContract(open);
  visibilityContract(open);
  batchContract(open);
}
