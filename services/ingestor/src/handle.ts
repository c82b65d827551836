/** The story of one message of the ingestor. */
import { datasetOfKey, isPlainKey, sourceIdOf } from "@airlake/shared/contracts/keys";
import type { Source } from "@airlake/shared/contracts/keys";
import type { Facts, Outcome } from "@airlake/shared/outcome";
import type { Hand, Handle } from "@airlake/shared/worker/hand";
import type { Brought } from "./bring-object.ts";
import { parse } from "./parse.ts";
import type { Request } from "./parse.ts";

export interface HandleDeps {
  readonly rawBucket: string;
  readonly knowsDataset: (name: string) => boolean;
  /** Brings an object into raw; S3's notification of it goes to the cleaner by itself. */
  readonly bring: (request: Request, hand: Hand) => Promise<Brought>;
}

/** Message → object in raw → outcome. */
export function createHandle(deps: HandleDeps): Handle {
  return async (message, hand) => {
    const command = parse(message);
    switch (command.kind) {
      case "skipped":
        return command;
      case "unreadable":
        return { kind: "rejected", reason: command.reason, detail: command.detail, parked: false };
      case "bring":
        return bring(deps, command.request, hand);
    }
  };
}

async function bring(deps: HandleDeps, request: Request, hand: Hand): Promise<Outcome> {
  const { from, to, correlationId } = request;
  const dataset = datasetOfKey(to.key);
  const facts = { dataset, source: sourceIdOf(to), key: to.key, from: from.shown, correlationId };
  const problem = targetProblem(deps, to);
  if (problem !== undefined) return reject(hand, to, { ...problem, facts });
  const brought = await deps.bring(request, { ...hand, log: hand.log.child({ correlationId, dataset, key: to.key }) });
  if (brought.kind === "refused") return reject(hand, to, { ...brought, facts });
  if (brought.kind === "overtaken") return { kind: "skipped", reason: "overtaken", facts };
  const { sizeBytes, resumptions } = brought;
  if (brought.kind === "already-there") {
    return { kind: "skipped", reason: "already-there", facts: { ...facts, sizeBytes, resumptions } };
  }
  return { kind: "done", facts: { ...facts, sizeBytes, resumptions } };
}

interface Problem {
  readonly reason: string;
  readonly detail: string;
}

function targetProblem(deps: HandleDeps, to: Source): Problem | undefined {
  if (to.bucket !== deps.rawBucket) {
    return {
      reason: "foreign-bucket",
      detail: `objects are brought into ${deps.rawBucket} only, not into ${to.bucket}`,
    };
  }
  const dataset = datasetOfKey(to.key);
  if (dataset === undefined || !deps.knowsDataset(dataset)) {
    const detail = `${to.key} lies in no dataset's folder: ask for a key under the folder of a dataset, or add a dataset of that name`;
    return { reason: "unknown-dataset", detail };
  }
  if (!isPlainKey(to.key)) {
    const detail = `${to.key} is no key to bring an object under: a part of it is empty or made of dots`;
    return { reason: "bad-key", detail };
  }
  return undefined;
}

async function reject(
  hand: Hand,
  source: Source,
  { reason, detail, facts }: Problem & { readonly facts: Facts },
): Promise<Outcome> {
  const failureKey = await hand.recordFailure({ reason, detail, source });
  await hand.park(reason, failureKey);
  return { kind: "rejected", reason, detail, parked: true, facts };
}
