/** What the environment says to the command; the only file of it that reads the environment. */
import { hostname, userInfo } from "node:os";
import { type Endpoints, endpointsOf } from "@airlake/shared/clients";
import type { Caller } from "@airlake/shared/contracts/audit";
import { parseEnv } from "@airlake/shared/env";
import { ConfigError } from "@airlake/shared/errors";
import { awsShape, checkSettings } from "@airlake/shared/worker/settings";
import { z } from "zod";

/** How a stream of the terminal wants to be written to. */
export interface Screen {
  /** Somebody looks at it: lines can be updated in place. */
  readonly live: boolean;
  readonly colour: boolean;
  /** Width in columns; Infinity where it is no terminal: what is piped is not cut. */
  readonly columns: number;
}

/** What is asked of a stream; both of Node's standard streams have it. */
export interface ScreenStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** NO_COLOR (any value but the empty one) and TERM=dumb switch colours off; FORCE_COLOR=1 switches them on where nobody looks. */
export function screenOf(stream: ScreenStream, env: NodeJS.ProcessEnv = process.env): Screen {
  const tty = stream.isTTY === true;
  const dumb = env["TERM"] === "dumb";
  const forced = (env["FORCE_COLOR"] ?? "0") !== "0" && env["FORCE_COLOR"] !== "";
  const plain = (env["NO_COLOR"] ?? "") !== "" || dumb;
  return { live: tty && !dumb, colour: !plain && (tty || forced), columns: columnsOf(stream, env) };
}

function columnsOf(stream: ScreenStream, env: NodeJS.ProcessEnv): number {
  if (stream.columns !== undefined && stream.columns > 0) return stream.columns;
  const told = Number(env["COLUMNS"] ?? "");
  return Number.isInteger(told) && told >= 20 ? told : Infinity;
}

/**
 * Node's thread pool has four threads, which as many DuckDB statements would keep from everyone else: files, DNS, gzip.
 * Takes effect only before the pool is first used; what the environment says stands.
 */
export function widenThreadPool(env: NodeJS.ProcessEnv = process.env): void {
  env["UV_THREADPOOL_SIZE"] ??= "16";
}

/** Another folder of dataset definitions than Airlake's own, as the services take it. */
export function datasetsFolderIn(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const folder = env["DATASETS_FOLDER"] ?? "";
  return folder === "" ? undefined : folder;
}

/** Where s3:// objects are fetched from when it is not AWS, as the ingestor takes it. */
export function sourceEndpointIn(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const url = env["SOURCE_S3_ENDPOINT_URL"] ?? "";
  return url === "" ? undefined : url;
}

/** The lake that commands work on unless `--lake` names another. */
export function lakeIn(env: NodeJS.ProcessEnv = process.env): string {
  return env["AIRLAKE_LAKE"] || "./lake";
}

/**
 * Where AWS, or its emulators, are reached. Throws ConfigError where no region is set, or an endpoint for some calls only:
 * the others would go to real AWS.
 */
export function awsSettingsIn(env: NodeJS.ProcessEnv = process.env): { readonly endpoints: Endpoints } {
  const settings = parseEnv(z.object(awsShape), env);
  checkSettings(settings, { glue: true });
  return { endpoints: endpointsOf(settings) };
}

/** Where services answer for their health, when it is not where `airlake up` or compose.yaml have them. */
export function healthIn(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return env["AIRLAKE_HEALTH"] || undefined;
}

/** Who gives the command, for audit records: names, never a secret. The SDK's own caller identity would take another client. */
export function callerIn(env: NodeJS.ProcessEnv = process.env): Caller {
  const named = (name: string, variable: string): Readonly<Record<string, string>> =>
    (env[variable] ?? "") === "" ? {} : { [name]: env[variable] ?? "" };
  return {
    user: `${userName()}@${hostname()}`,
    ...named("awsProfile", "AWS_PROFILE"),
    ...named("awsRole", "AWS_ROLE_ARN"),
    ...named("awsSession", "AWS_ROLE_SESSION_NAME"),
  };
}

/** In a container the user may have a number and no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}

/** Where Trino answers, and the catalog that has the lake: those of compose.yaml unless others are set. */
export function trinoIn(env: NodeJS.ProcessEnv = process.env): {
  readonly url: string;
  readonly catalog: string;
  readonly user: string;
} {
  const url = env["TRINO_URL"] || "http://127.0.0.1:8150";
  if (!URL.canParse(url) || !/^https?:/.test(url)) throw new ConfigError(`TRINO_URL is no http address: ${url}`);
  return { url, catalog: env["TRINO_CATALOG"] || "lake", user: env["TRINO_USER"] || "airlake" };
}
