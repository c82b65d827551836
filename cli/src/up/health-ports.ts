/** The ports on which the four services answer for their health: four in a row. */
import { createServer } from "node:net";
import type { QueueRole } from "@airlake/shared/contracts/topology";
import { queueRoles } from "@airlake/shared/contracts/topology";
import { codeOf } from "@airlake/shared/errors";

import { CommandError } from "../command-error.ts";

/** A port for each of the services, by the queue that it works on. */
export type HealthPorts = Readonly<Record<QueueRole, number>>;

export const serviceNames: Readonly<Record<QueueRole, string>> = {
  ingest: "ingestor",
  clean: "cleaner",
  join: "joiner",
  catalog: "catalog-sync",
};

export const usualFirstPort = 8701;
/** The services' ports begin here at the latest. */
export const lastFirstPort = 65_535 - queueRoles.length + 1;

/** In the order in which data flows. */
export function portsFrom(first: number): HealthPorts {
  return { ingest: first, clean: first + 1, join: first + 2, catalog: first + 3 };
}

/** Throws CommandError where one cannot be opened: before any service has begun to work. */
export async function checkPorts(ports: HealthPorts): Promise<void> {
  for (const role of queueRoles) await checkPort(ports[role], serviceNames[role]);
}

async function checkPort(port: number, name: string): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port, host: "127.0.0.1", exclusive: true }, resolve);
    });
  } catch (error) {
    throw explained(error, port, name);
  } finally {
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  }
}

function explained(error: unknown, port: number, name: string): unknown {
  const others = "Give four others with --port-base N, or none with --no-ports.";
  if (codeOf(error) === "EADDRINUSE") {
    const what = `Port ${port}, for the ${name}'s health, is in use: perhaps another airlake up is running.`;
    return new CommandError(what, others, { cause: error });
  }
  if (codeOf(error) === "EACCES")
    return new CommandError(`Port ${port}, for the ${name}'s health, may not be opened.`, others, { cause: error });
  return error;
}
