/** The port of a worker: /health/live, /health/ready, /metrics and /status. */
import { HeadBucketCommand } from "@aws-sdk/client-s3";
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { fastify } from "fastify";
import { Gauge, Registry, collectDefaultMetrics } from "prom-client";
import type { Clients } from "../clients.ts";
import { ConfigError, codeOf, httpStatusOf } from "../errors.ts";
import { bucketsOf } from "./check-reach.ts";
import type { WorkerSettings } from "./settings.ts";
import type { Worker } from "./worker.ts";

export interface HealthDeps {
  readonly settings: WorkerSettings;
  readonly clients: Clients;
  /** Undefined until it has started: the port is opened first, so that a port in use is known before a message is taken. */
  readonly worker: () => Worker | undefined;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
}

/** A queue or bucket that has not answered for this long makes the worker not ready. */
const silentTooLongSeconds = 60;
const probeEverySeconds = 15;

/** Opens the port. Throws ConfigError where it is in use. */
export async function startHealth(
  deps: HealthDeps,
  who: { readonly name: string; readonly version: string },
): Promise<AsyncDisposable> {
  const { settings } = deps;
  const buckets = watchBuckets(deps);
  const registry = metricsOf(deps, who.name);
  const app = fastify({ logger: false });

  app.get("/health/live", () => ({ status: "live", ...who }));
  app.get("/health/ready", async (_request, reply) => {
    const reasons = notReady(deps.worker(), buckets.troubles());
    return reply
      .code(reasons.length === 0 ? 200 : 503)
      .send({ status: reasons.length === 0 ? "ready" : "not ready", reasons });
  });
  app.get("/metrics", async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
  app.get("/status", async () => ({
    ...who,
    draining: deps.worker()?.isDraining() ?? false,
    settings: {
      queue: settings.QUEUE,
      visibilityTimeoutSeconds: settings.VISIBILITY_TIMEOUT_SECONDS,
      waitTimeSeconds: settings.WAIT_TIME_SECONDS,
    },
    queue: await depthOf(deps, deps.queueUrl),
    deadLetters: await depthOf(deps, deps.deadLetterQueueUrl),
    ...deps.worker()?.tally.snapshot(),
  }));
  try {
    await app.listen({ host: settings.HOST, port: settings.PORT ?? 0 });
  } catch (error) {
    buckets.stop();
    if (codeOf(error) === "EADDRINUSE")
      throw new ConfigError(`port ${settings.PORT} is in use: set PORT to a free one`, { cause: error });
    throw error;
  }
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      buckets.stop();
      await app.close();
    },
  };
}

function notReady(worker: Worker | undefined, bucketTroubles: readonly string[]): readonly string[] {
  if (worker === undefined) return ["starting"];
  const reasons: string[] = [];
  if (worker.isDraining()) reasons.push("draining");
  const { queueSilentSeconds, inHand } = worker.tally.snapshot();
  // With a message in hand nothing is asked of the queue by polling.
  if (inHand === 0 && queueSilentSeconds > silentTooLongSeconds)
    reasons.push(`the queue has not answered for ${queueSilentSeconds} s`);
  return [...reasons, ...bucketTroubles];
}

interface BucketWatch {
  /** A sentence for each bucket that is gone, refuses, or has been silent for too long. */
  troubles(): readonly string[];
  stop(): void;
}

function watchBuckets(deps: HealthDeps): BucketWatch {
  const { clock, s3, log } = deps.clients;
  const names = new Set(bucketsOf(deps.settings).map(({ name }) => name));
  const answeredAtMs = new Map([...names].map((name) => [name, clock.monotonicMs()]));
  const refusals = new Map<string, string>();
  const probe = async (bucket: string): Promise<void> => {
    try {
      await s3.send(new HeadBucketCommand({ Bucket: bucket }), { abortSignal: AbortSignal.timeout(10_000) });
      refusals.delete(bucket);
      answeredAtMs.set(bucket, clock.monotonicMs());
    } catch (error) {
      const refusal = refusalOf(bucket, error);
      if (refusal !== undefined) refusals.set(bucket, refusal);
      log.warn({ err: error, bucket }, "bucket did not answer");
    }
  };
  const timer = setInterval(() => void Promise.all([...names].map(probe)), probeEverySeconds * 1000);
  return {
    troubles: () =>
      [...names].flatMap(
        (name) => refusals.get(name) ?? silenceOf(name, clock.monotonicMs() - (answeredAtMs.get(name) ?? 0)),
      ),
    stop: () => clearInterval(timer),
  };
}

/** An answer that will not change by itself counts at once; whatever else counts as silence. */
function refusalOf(bucket: string, error: unknown): string | undefined {
  const status = httpStatusOf(error);
  if (status === 404) return `there is no bucket ${bucket}`;
  return status === 401 || status === 403 ? `the bucket ${bucket} refuses this worker (${status})` : undefined;
}

function silenceOf(bucket: string, silentMs: number): readonly string[] {
  const seconds = Math.round(silentMs / 1000);
  return seconds > silentTooLongSeconds ? [`the bucket ${bucket} has not answered for ${seconds} s`] : [];
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
      for (const [outcome, count] of Object.entries(worker()?.tally.snapshot().outcomes ?? {}))
        settled.set({ outcome }, count);
    },
  });
  const inHand: Gauge = new Gauge({
    name: "airlake_messages_in_hand",
    help: "Messages being worked on now",
    registers: [registry],
    collect: () => inHand.set(worker()?.tally.snapshot().inHand ?? 0),
  });
  return registry;
}

/** Visible, in flight and delayed messages; null where the queue does not answer. */
async function depthOf(deps: HealthDeps, queueUrl: string): Promise<Readonly<Record<string, number>> | null> {
  try {
    const { Attributes: found = {} } = await deps.clients.sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: queueUrl,
        AttributeNames: [
          "ApproximateNumberOfMessages",
          "ApproximateNumberOfMessagesNotVisible",
          "ApproximateNumberOfMessagesDelayed",
        ],
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
