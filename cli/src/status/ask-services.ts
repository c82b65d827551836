/** Asks services how they are, through their health ports. */
import type { Clock } from "@airlake/shared/clock";
import { type QueueRole, type Topology, queueRoles } from "@airlake/shared/contracts/topology";
import { codeOf } from "@airlake/shared/errors";
import { z } from "zod";

import { mapBounded } from "../bounded.ts";
import { serviceNames } from "../up/health-ports.ts";
import type { HealthAddress } from "./health-addresses.ts";

export type ServiceState = "up" | "degraded" | "starting" | "draining" | "not ready" | "unreachable";

/** One process of a service; or none, where nothing answers. */
export interface ServiceStatus {
  readonly service: string;
  readonly queue: QueueRole;
  /** `host:port`; null where no process of this service answers. */
  readonly at: string | null;
  readonly state: ServiceState;
  /** Sentences: why it is not ready, or what fails. */
  readonly reasons: readonly string[];
  readonly version: string | null;
  readonly inHand: number;
  /** How long it has had its longest message in hand. */
  readonly oldestSeconds: number | null;
  /** Messages settled or failed in the last minute. */
  readonly perMinute: number;
  readonly last: LastOutcome | null;
}

export interface LastOutcome {
  readonly at: string;
  readonly outcome: string;
  readonly reason?: string | undefined;
  readonly key?: string | undefined;
}

export interface AskDeps {
  readonly clock: Clock;
  readonly topology: Topology;
  readonly signal: AbortSignal;
}

const answerSchema = z.object({
  name: z.string(),
  version: z.string(),
  draining: z.boolean().default(false),
  state: z.string().optional(),
  reasons: z.array(z.string()).default([]),
  degraded: z.array(z.string()).default([]),
  settings: z.object({ queue: z.string() }),
  inHand: z.number().default(0),
  hands: z.array(z.object({ seconds: z.number() })).default([]),
  lastMinute: z.number().optional(),
  last: z
    .array(z.object({ at: z.string(), outcome: z.string(), reason: z.string().optional(), key: z.string().optional() }))
    .default([]),
});
type Answer = z.infer<typeof answerSchema>;

const readySchema = z.object({ reasons: z.array(z.string()) });

/** A refusal comes at once; a service asks its queue for its depth, for 3 s at most. Who takes longer is as good as not there. */
const patienceMs = 5000;
const atOnce = 64;
const minuteMs = 60_000;

/** Every process that answers, and a line for each service of which none does. Never throws but for the signal. */
export async function askServices(
  deps: AskDeps,
  addresses: readonly HealthAddress[],
): Promise<readonly ServiceStatus[]> {
  const answers = await mapBounded(addresses, atOnce, async (address) => askOne(deps, address));
  deps.signal.throwIfAborted();
  const found = answers.filter((one) => one !== undefined);
  return queueRoles.flatMap((role) => {
    const own = found.filter(({ queue }) => queue === role);
    return own.length > 0 ? own : [unreachable(role, null, [])];
  });
}

/** Undefined where nobody listens, or somebody else. */
async function askOne(deps: AskDeps, address: HealthAddress): Promise<ServiceStatus | undefined> {
  const at = `${address.host}:${address.port}`;
  const signal = AbortSignal.any([deps.signal, AbortSignal.timeout(patienceMs)]);
  try {
    const answer = answerSchema.safeParse(await getJson(`http://${at}/status`, signal)).data;
    if (answer === undefined) return undefined;
    const role = queueRoles.find((one) => serviceNames[one] === answer.name);
    if (role === undefined || deps.topology.queues[role].name !== answer.settings.queue) return undefined;
    const ready = readySchema.safeParse(await getJson(`http://${at}/health/ready`, signal)).data;
    return statusOf(deps, { role, at }, { ...answer, reasons: ready?.reasons ?? answer.reasons });
  } catch (error) {
    if (deps.signal.aborted || isNobody(error)) return undefined;
    // Somebody listens, but does not answer: a process that is stopped or hangs.
    return unreachable(address.role, at, [`it does not answer within ${patienceMs / 1000} s`]);
  }
}

async function getJson(url: string, signal: AbortSignal): Promise<unknown> {
  const answer = await fetch(url, { signal, redirect: "error" });
  return answer.json();
}

/** Only silence tells of a process that should answer. */
function isNobody(error: unknown): boolean {
  return !(error instanceof Error) || (error.name !== "TimeoutError" && codeOf(error) !== "UND_ERR_CONNECT_TIMEOUT");
}

function unreachable(role: QueueRole, at: string | null, reasons: readonly string[]): ServiceStatus {
  return {
    service: serviceNames[role],
    queue: role,
    at,
    state: "unreachable",
    reasons,
    version: null,
    inHand: 0,
    oldestSeconds: null,
    perMinute: 0,
    last: null,
  };
}

function statusOf(
  { clock }: AskDeps,
  { role, at }: { readonly role: QueueRole; readonly at: string },
  answer: Answer,
): ServiceStatus {
  const sinceMs = clock.now().getTime() - minuteMs;
  const recent = answer.last.filter((one) => Date.parse(one.at) >= sinceMs).length;
  return {
    service: answer.name,
    queue: role,
    at,
    state: stateOf(answer),
    reasons: [...answer.reasons, ...answer.degraded],
    version: answer.version,
    inHand: answer.inHand,
    oldestSeconds: answer.hands.length === 0 ? null : Math.max(...answer.hands.map((hand) => hand.seconds)),
    perMinute: answer.lastMinute ?? recent,
    last: answer.last[0] ?? null,
  };
}

function stateOf({ draining, reasons, degraded }: Answer): ServiceState {
  if (draining) return "draining";
  if (reasons.includes("starting")) return "starting";
  if (reasons.length > 0) return "not ready";
  return degraded.length > 0 ? "degraded" : "up";
}
