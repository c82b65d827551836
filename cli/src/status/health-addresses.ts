/** Where services answer for their health: `cleaner=127.0.0.1:8120-8129`, a place or a range of ports for each service. */
import { type QueueRole, queueRoles } from "@airlake/shared/contracts/topology";

import { CommandError } from "../command-error.ts";
import { printable } from "../text.ts";
import { portsFrom, serviceNames, usualFirstPort } from "../up/health-ports.ts";

/** One port, and the service that should answer there. */
export interface HealthAddress {
  readonly role: QueueRole;
  readonly host: string;
  readonly port: number;
}

/** What compose.yaml publishes: ten ports for each service, so that it can be scaled. */
const composePorts: Readonly<Record<QueueRole, number>> = { ingest: 8110, clean: 8120, join: 8130, catalog: 8140 };
const portsEach = 10;
/** More would take seconds to ask. */
const most = 1000;

/** Where the services of `airlake up` answer, or those of compose. */
export function usualAddresses(where: "folder" | "aws"): readonly HealthAddress[] {
  const host = "127.0.0.1";
  if (where === "folder") {
    const ports = portsFrom(usualFirstPort);
    return queueRoles.map((role) => ({ role, host, port: ports[role] }));
  }
  return queueRoles.flatMap((role) =>
    Array.from({ length: portsEach }, (_, at) => ({ role, host, port: composePorts[role] + at })),
  );
}

/** Parses `SERVICE=HOST:PORT` or `SERVICE=HOST:FIRST-LAST`, several separated by commas or blanks. Throws CommandError. */
export function parseAddresses(text: string): readonly HealthAddress[] {
  const parts = text.split(/[\s,]+/).filter((part) => part !== "");
  const addresses = parts.flatMap(parseOne);
  if (addresses.length > 0 && addresses.length <= most) return addresses;
  throw refused(text, addresses.length === 0 ? "it names no port" : `it names more than ${most} ports`);
}

function parseOne(part: string): readonly HealthAddress[] {
  const found = /^([a-z-]+)=(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
  const [, name, host = "", first = "", last = first] = found ?? [];
  const role = queueRoles.find((one) => serviceNames[one] === name);
  if (role === undefined) throw refused(part, "");
  const from = Number(first);
  const count = Number(last) - from + 1;
  if (from < 1 || Number(last) > 65_535 || count < 1) throw refused(part, "the ports are no range");
  if (count > most) throw refused(part, `it names more than ${most} ports`);
  return Array.from({ length: count }, (_, at) => ({ role, host, port: from + at }));
}

function refused(part: string, why: string): CommandError {
  return new CommandError(
    `${printable(JSON.stringify(part))} does not say where services answer${why === "" ? "" : `: ${why}`}.`,
    `Give --health or AIRLAKE_HEALTH as in cleaner=127.0.0.1:8120-8129,joiner=127.0.0.1:8130; services are ${Object.values(serviceNames).join(", ")}.`,
  );
}
