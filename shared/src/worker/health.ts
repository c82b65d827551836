/** The port of a worker: a page for people at /, and /health/live, /health/ready, /metrics and /status. */
import { HeadBucketCommand } from "@aws-sdk/client-s3";
import { fastify } from "fastify";
import { ConfigError, codeOf, httpStatusOf } from "../errors.ts";
import { bucketsOf } from "./check-reach.ts";
import { createMetrics } from "./metrics.ts";
import { statusPage } from "./status-page.ts";
import { type Identity, type StatusDeps, readinessOf, statusOf } from "./status.ts";

/** A bucket that has not answered for this long makes the worker not ready. */
const silentTooLongSeconds = 60;
const probeEverySeconds = 15;
/** Nothing here takes a body; Node itself refuses headers of more than 16 KiB. */
const bodyLimit = 1024;
/** Who sends half a request is cut off. */
const requestTimeoutMs = 10_000;

/** Opens the port. Throws ConfigError where it is in use. */
export async function startHealth(
  deps: Omit<StatusDeps, "bucketTroubles">,
  who: Pick<Identity, "name" | "version">,
): Promise<AsyncDisposable> {
  const { settings, clients } = deps;
  const buckets = watchBuckets(deps);
  const asked: StatusDeps = { ...deps, bucketTroubles: () => buckets.troubles() };
  const identity: Identity = { ...who, startedAt: clients.clock.now().toISOString() };
  const registry = createMetrics(asked, identity);
  const app = fastify({ logger: false, bodyLimit, requestTimeout: requestTimeoutMs });

  app.get("/", async (_request, reply) =>
    reply
      .type("text/html; charset=utf-8")
      .header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:")
      .header("cache-control", "no-store")
      .send(statusPage(await statusOf(asked, identity))),
  );
  app.get("/health/live", () => ({ status: "live", ...who }));
  app.get("/health/ready", async (_request, reply) => {
    const { state, reasons, degraded } = readinessOf(asked);
    return reply.code(reasons.length === 0 ? 200 : 503).send({ status: state, reasons, degraded });
  });
  app.get("/metrics", async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
  app.get("/status", async () => statusOf(asked, identity));
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

interface BucketWatch {
  /** A sentence for each bucket that is gone, refuses, or has been silent for too long. */
  troubles(): readonly string[];
  stop(): void;
}

function watchBuckets(deps: Pick<StatusDeps, "settings" | "clients">): BucketWatch {
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
