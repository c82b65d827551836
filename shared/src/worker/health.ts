/** The port of a worker: /health/live, /health/ready, /metrics and /status. */
import { HeadBucketCommand } from "@aws-sdk/client-s3";
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { fastify } from "fastify";
import { Gauge, Registry, collectDefaultMetrics } from "prom-client";
import type { Clients } from "../clients.ts";
import { ConfigError, codeOf } from "../errors.ts";
import type { WorkerSettings } from "./settings.ts";
import type { Worker } from "./worker.ts";

export interface HealthDeps {
  readonly settings: WorkerSettings;
  readonly clients: Clients;
  readonly worker: Worker;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
}

/** A queue or bucket that has not answered for this long makes the worker not ready. */
const silentTooLongSeconds = 60;
const probeEverySeconds = 15;

/** Opens the port. Throws ConfigError where it is in use. */
export async function startHealth(deps: HealthDeps, who: { readonly name: string; readonly version: string }): Promise<AsyncDisposable> {
  const { settings, worker } = deps;
  const buckets = watchBuckets(deps);
  const registry = metricsOf(deps, who.name);
  const app = fastify({ logger: false });

  app.get("/health/live", () => ({ status: "live", ...who }));
  app.get("/health/ready", async (_request, reply) => {
    const reasons = notReady(worker, buckets.silentSeconds());
    return reply.code(reasons.length === 0 ? 200 : 503).send({ status: reasons.length === 0 ? "ready" : "not ready", reasons });
  });
  app.get("/metrics", async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
  app.get("/status", async () => ({
    ...who,
    draining: worker.isDraining(),
    settings: { queue: settings.QUEUE, visibilityTimeoutSeconds: settings.VISIBILITY_TIMEOUT_SECONDS, waitTimeSeconds: settings.WAIT_TIME_SECONDS },
    queue: await depthOf(deps, deps.queueUrl),
    deadLetters: await depthOf(deps, deps.deadLetterQueueUrl),
    ...worker.tally.snapshot(),
  }));
  try {
    await app.listen({ host: settings.HOST, port: settings.PORT ?? 0 });
  } catch (error) {
    buckets.stop();
    if (codeOf(error) === "EADDRINUSE") throw new ConfigError(`port ${settings.PORT} is in use: set PORT to a free one`, { cause: error });
    throw error;
  }
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      buckets.stop();
      await app.close();
    },
  };
}

function notReady(worker: Worker, bucketsSilentSeconds: number): readonly string[] {
  const reasons: string[] = [];
  if (worker.isDraining()) reasons.push("draining");
  const { queueSilentSeconds, inHand } = worker.tally.snapshot();
  // With a message in hand nothing is asked of the queue by polling.
  if (inHand === 0 && queueSilentSeconds > silentTooLongSeconds) reasons.push(`the queue has not answered for ${queueSilentSeconds} s`);
  if (bucketsSilentSeconds > silentTooLongSeconds) reasons.push(`the ops bucket has not answered for ${bucketsSilentSeconds} s`);
  return reasons;
}

function watchBuckets(deps: HealthDeps): { silentSeconds(): number; stop(): void } {
  const { clock, s3, log } = deps.clients;
  let answeredAtMs = clock.monotonicMs();
  const probe = async (): Promise<void> => {
    try {
      await s3.send(new HeadBucketCommand({ Bucket: deps.settings.OPS_BUCKET }), { abortSignal: AbortSignal.timeout(10_000) });
      answeredAtMs = clock.monotonicMs();
    } catch (error) {
      log.warn({ err: error, bucket: deps.settings.OPS_BUCKET }, "bucket did not answer");
    }
  };
  const timer = setInterval(() => void probe(), probeEverySeconds * 1000);
  return { silentSeconds: () => Math.round((clock.monotonicMs() - answeredAtMs) / 1000), stop: () => clearInterval(timer) };
}

function metricsOf({ worker }: HealthDeps, name: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ worker: name });
  collectDefaultMetrics({ register: registry, prefix: "airlake_" });
  const settled: Gauge<"outcome"> = new Gauge({
    name: "airlake_messages_settled_total",
    help: "Messages by what became of them, since the start",
    labelNames: ["outcome"],
    registers: [registry],
    collect: () => {
      for (const [outcome, count] of Object.entries(worker.tally.snapshot().outcomes)) settled.set({ outcome }, count);
    },
  });
  const inHand: Gauge = new Gauge({
    name: "airlake_messages_in_hand",
    help: "Messages being worked on now",
    registers: [registry],
    collect: () => inHand.set(worker.tally.snapshot().inHand),
  });
  return registry;
}

/** Visible, in flight and delayed messages; null where the queue does not answer. */
async function depthOf(deps: HealthDeps, queueUrl: string): Promise<Readonly<Record<string, number>> | null> {
  try {
    const { Attributes: found = {} } = await deps.clients.sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: queueUrl,
        AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"],
      }),
    );
    return {
      visible: Number(found["ApproximateNumberOfMessages"] ?? 0),
      inFlight: Number(found["ApproximateNumberOfMessagesNotVisible"] ?? 0),
      delayed: Number(found["ApproximateNumberOfMessagesDelayed"] ?? 0),
    };
  } catch (error) {
    deps.clients.log.warn({ err: error }, "queue did not answer");
    return null;
  }
}
