/** Which addresses a request from outside must not reach: this machine, its networks, and a cloud's metadata. */
import { BlockList, isIP } from "node:net";
import type { LookupFunction } from "node:net";
import type { LookupAddress, LookupAllOptions } from "node:dns";

/** The form of dns.lookup that gives every address. */
export type ResolveAll = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** The code of the error of a lookup that was refused. */
export const privateAddressCode = "PRIVATE_ADDRESS";

// All of IPv4 that the IANA registry of special addresses does not call globally reachable, and multicast.
const closed4 = networks("ipv4", [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
]);
// Of IPv6 only 2000::/3 is handed out.
const open6 = networks("ipv6", [["2000::", 3]]);
// Inside it, what tunnels to other addresses (Teredo, 6to4), and what stands in documents only.
const closed6 = networks("ipv6", [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
]);

/** Whether an address (not a name) is none of the open internet. What is no address counts as private. */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return closed4.check(address, "ipv4");
  // A zone (fe80::1%eth0) belongs to one link.
  if (family !== 6 || address.includes("%")) return true;
  const inside = ipv4Inside(address);
  if (inside !== undefined) return closed4.check(inside, "ipv4");
  return !open6.check(address, "ipv6") || closed6.check(address, "ipv6");
}

/** The IPv4 address that an IPv6 one stands for: mapped (::ffff:a.b.c.d), or behind a translator (64:ff9b::a.b.c.d). */
function ipv4Inside(address: string): string | undefined {
  // A URL writes every spelling of an address in one form.
  const plain = new URL(`http://[${address}]`).hostname;
  const [, high, low] = /^\[(?:::ffff|64:ff9b:):([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(plain) ?? [];
  if (high === undefined || low === undefined) return undefined;
  const bits = [high, low].map((group) => Number.parseInt(group, 16));
  return bits.flatMap((group) => [group >> 8, group & 255]).join(".");
}

/**
 * A `lookup` for node:net that fails where a name leads to any address that may not be reached. The connection uses the
 * addresses that were looked at here, so a name that resolves otherwise a moment later gains nothing. Literal addresses
 * never come here.
 */
export function guardedLookup(resolve: ResolveAll, mayReach: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined) {
        callback(error ?? withCode("ENOTFOUND", `no address for ${hostname}`), "");
      } else if (!addresses.every(({ address }) => mayReach(address))) {
        callback(withCode(privateAddressCode, `${hostname} leads to a private address`), "");
      } else if (options.all === true) {
        callback(null, addresses);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}

function withCode(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code });
}

function networks(family: "ipv4" | "ipv6", subnets: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of subnets) list.addSubnet(network, prefix, family);
  return list;
}
