import { assert, ipV4, property } from "fast-check";
import { expect, test } from "vitest";

import { isPrivateAddress } from "../src/private-addresses.ts";

test.each([
  "0.0.0.0",
  "10.1.2.3",
  "100.64.0.1",
  "127.0.0.1",
  "127.255.255.254",
  "169.254.169.254",
  "169.254.170.2",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.1.1",
  "198.19.255.255",
  "224.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::127.0.0.1",
  "::ffff:127.0.0.1",
  "::FFFF:A9FE:A9FE",
  "0:0:0:0:0:ffff:7f00:1",
  "64:ff9b::169.254.169.254",
  "64:ff9b::a00:1",
  "64:ff9b:1::1",
  "fc00::1",
  "fd00:ec2::254",
  "fe80::1",
  "fe80::1%eth0",
  "2606:4700::1%eth0",
  "ff02::1",
  "2001::1",
  "2001:db8::1",
  "2002:7f00:1::1",
  "localhost",
  "",
])("keeps away from %s", (address) => {
  expect(isPrivateAddress(address)).toBe(true);
});

test.each([
  "1.1.1.1",
  "8.8.8.8",
  "52.218.0.1",
  "100.63.255.255",
  "100.128.0.0",
  "172.15.255.255",
  "172.32.0.0",
  "192.167.255.255",
  "::ffff:8.8.8.8",
  "64:ff9b::8.8.8.8",
  "2606:4700:4700::1111",
  "2a00:1450:4001::200e",
])("reaches %s", (address) => {
  expect(isPrivateAddress(address)).toBe(false);
});

test("judges an IPv4 address the same however IPv6 spells it", () => {
  assert(
    property(ipV4(), (address) => {
      const hex = address
        .split(".")
        .map((byte) => Number(byte).toString(16).padStart(2, "0"))
        .join("");
      const spelled = `::ffff:${hex.slice(0, 4)}:${hex.slice(4)}`;

      expect(isPrivateAddress(`::ffff:${address}`)).toBe(isPrivateAddress(address));
      expect(isPrivateAddress(spelled)).toBe(isPrivateAddress(address));
    }),
  );
});
