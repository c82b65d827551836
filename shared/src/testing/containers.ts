/** The emulators that tests run against, each in a container of its own; and whether there is a Docker engine for them. */
import { spawnSync } from "node:child_process";

export const localStackImage = "localstack/localstack:4.14.0";
export const motoImage = "motoserver/moto:5.2.5";

/** An emulator that runs until it is disposed of. */
export interface Emulator extends AsyncDisposable {
  /** `http://host:port`. */
  readonly endpoint: string;
  /** What an SDK client needs to talk to it, and to nothing else. */
  readonly clientConfig: {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
}

const reaperImage = "testcontainers/ryuk:0.14.0";
const startTimeoutMs = 180_000;

/**
 * Why a test cannot start this image here, or undefined when it can: for the name of a skipped suite. With
 * AIRLAKE_REQUIRE_CONTAINERS=1 it throws instead, so that nothing is skipped unseen.
 */
export function containerReason(image: string): string | undefined {
  const reason = missing(image);
  if (reason === undefined || process.env["AIRLAKE_REQUIRE_CONTAINERS"] !== "1") return reason;
  throw new Error(`AIRLAKE_REQUIRE_CONTAINERS is set, but ${reason}`);
}

/** S3, SQS and SNS. Takes about ten seconds. */
export async function startLocalStack(): Promise<Emulator> {
  return start(localStackImage, 4566, "/_localstack/health", { SQS_ENDPOINT_STRATEGY: "dynamic", DISABLE_EVENTS: "1" });
}

/** AWS Glue and the rest of moto. */
export async function startMoto(): Promise<Emulator> {
  return start(motoImage, 5000, "/moto-api/", {});
}

function missing(image: string): string | undefined {
  const engine = spawnSync("docker", ["version", "--format", "{{.Server.Version}}"], {
    encoding: "utf8",
    timeout: 20_000,
  });
  if (engine.error !== undefined) return "there is no docker command";
  if (engine.status !== 0) return "no Docker engine answers";
  return hasImage(image) ? undefined : `there is no image ${image}: docker pull ${image}`;
}

function hasImage(image: string): boolean {
  return spawnSync("docker", ["image", "inspect", image], { stdio: "ignore", timeout: 20_000 }).status === 0;
}

async function start(
  image: string,
  port: number,
  healthPath: string,
  environment: Readonly<Record<string, string>>,
): Promise<Emulator> {
  // The reaper stops containers whose test was killed. Where its image is absent it would be pulled, so it is left out.
  if (!hasImage(reaperImage)) process.env["TESTCONTAINERS_RYUK_DISABLED"] ??= "true";
  const { GenericContainer, Wait } = await import("testcontainers");
  const container = await new GenericContainer(image)
    .withEnvironment(environment)
    .withExposedPorts(port)
    .withWaitStrategy(Wait.forHttp(healthPath, port).forStatusCode(200))
    .withStartupTimeout(startTimeoutMs)
    .start();
  const endpoint = `http://${container.getHost()}:${container.getMappedPort(port)}`;
  return {
    endpoint,
    clientConfig: { endpoint, region: "us-east-1", credentials: { accessKeyId: "test", secretAccessKey: "test" } },
    [Symbol.asyncDispose]: async () => {
      await container.stop();
    },
  };
}
