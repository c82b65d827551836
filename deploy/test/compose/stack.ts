/** One run of compose.yaml, as a project of its own: other projects and their ports are left alone. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { freePort } from "@airlake/shared/testing/free-port";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));

export interface Stack extends AsyncDisposable {
  readonly endpoint: string;
  readonly glueEndpoint: string;
  /** Answers where the profile `sql` is on. */
  readonly trinoEndpoint: string;
  /** `docker compose …`; gives what it wrote to stdout. */
  compose(...words: readonly string[]): Promise<string>;
  /** `docker inspect` of each container of a service, also of one that has ended. */
  inspect(service: string): Promise<readonly Container[]>;
  /** What a service answers on its health port, the first of its containers. */
  get(service: string, path: string): Promise<{ readonly status: number; readonly body: unknown }>;
  /** The log lines of a service, of all its containers. */
  logs(service: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

export interface Container {
  readonly Id: string;
  readonly State: { readonly ExitCode: number; readonly Health?: { readonly Status: string } };
  readonly Config: {
    readonly User: string;
    readonly Cmd: readonly string[];
    readonly Env: readonly string[];
    readonly Healthcheck?: { readonly Test: readonly string[] };
  };
  readonly HostConfig: { readonly ReadonlyRootfs: boolean; readonly Memory: number };
  readonly Mounts: readonly { readonly Destination: string; readonly RW: boolean }[];
  readonly NetworkSettings: { readonly Ports: Readonly<Record<string, readonly Binding[] | null>> };
}

interface Binding {
  readonly HostIp: string;
  readonly HostPort: string;
}

/** The longest that any one command may take: a build with no layer at hand, on a small machine. */
const longestMs = 280_000;

/** Starts nothing yet. Disposing takes containers, volumes, networks and images away. */
export async function createStack(profiles: readonly string[] = []): Promise<Stack> {
  const project = `airlake-test-${randomBytes(4).toString("hex")}`;
  const [localStackPort, motoPort, trinoPort] = [await freePort(), await freePort(), await freePort()];
  const ports = {
    LOCALSTACK_PORT: String(localStackPort),
    MOTO_PORT: String(motoPort),
    TRINO_PORT: String(trinoPort),
  };
  // What a poll that was cut off has taken comes back only after the visibility: tests do not wait for two minutes.
  const chosen = { COMPOSE_PROFILES: profiles.join(",") };
  const env = { ...process.env, ...ports, ...chosen, VISIBILITY_TIMEOUT_SECONDS: "20", WAIT_TIME_SECONDS: "1" };
  const docker = async (words: readonly string[]): Promise<string> => {
    const options = { cwd: root, env, timeout: longestMs, maxBuffer: 64 * 1024 * 1024 };
    return (await run("docker", [...words], options)).stdout;
  };
  const compose: Stack["compose"] = async (...words) =>
    docker(["compose", "--project-name", project, "--progress", "quiet", ...words]);
  const inspect: Stack["inspect"] = async (service) => {
    const ids = (await compose("ps", "--all", "--quiet", service)).trim().split("\n");
    return JSON.parse(await docker(["inspect", ...ids]));
  };
  return {
    endpoint: `http://127.0.0.1:${localStackPort}`,
    glueEndpoint: `http://127.0.0.1:${motoPort}`,
    trinoEndpoint: `http://127.0.0.1:${trinoPort}`,
    compose,
    inspect,
    get: async (service, path) => {
      const [container] = await inspect(service);
      const port = container?.NetworkSettings.Ports["8080/tcp"]?.[0]?.HostPort ?? "";
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(20_000) });
      return { status: answer.status, body: await answer.json() };
    },
    logs: async (service) => {
      const text = await compose("logs", "--no-color", "--no-log-prefix", service);
      const lines = text.split("\n").filter((line) => line.includes("{"));
      // Some versions begin each line with a terminal's own code, even where there is no terminal.
      return lines.map((line) => JSON.parse(line.slice(line.indexOf("{"))));
    },
    [Symbol.asyncDispose]: async () => {
      await compose("down", "--volumes", "--remove-orphans", "--rmi", "local", "--timeout", "20");
    },
  };
}
