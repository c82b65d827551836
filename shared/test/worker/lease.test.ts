import { expect, test } from "vitest";

import { systemClock } from "../../src/clock.ts";
import { createLease } from "../../src/worker/lease.ts";

const options = { receivedAtMs: 0, visibilityMs: 1000, marginMs: 250, deadlineMs: 5000 };

function leaseAt(): { readonly clock: { ms: number }; readonly lease: ReturnType<typeof createLease> } {
  const clock = { ms: 0 };
  return { clock, lease: createLease({ ...systemClock, monotonicMs: () => clock.ms }, options) };
}

test("is over a margin before the visibility could run out", () => {
  const { clock, lease } = leaseAt();

  clock.ms = 750;
  expect(lease.isOver()).toBe(false);
  clock.ms = 751;

  expect(lease.isOver()).toBe(true);
  expect(() => lease.check()).toThrow("lease");
});

test("is prolonged from the moment that the renewal was asked for", () => {
  const { clock, lease } = leaseAt();
  clock.ms = 700;
  lease.renewed(300);

  clock.ms = 1050;
  expect(lease.isOver()).toBe(false);
  clock.ms = 1051;

  expect(lease.isOver()).toBe(true);
});

test("never comes back once it was over, whatever the queue says", () => {
  const { clock, lease } = leaseAt();
  clock.ms = 900;

  lease.renewed(890);

  expect(lease.isOver()).toBe(true);
});

test("ends at the attempt's deadline, however often it was renewed", () => {
  const { clock, lease } = leaseAt();
  for (clock.ms = 0; clock.ms <= 5000; clock.ms += 500) lease.renewed(clock.ms);

  clock.ms = 5001;

  expect(lease.isOver()).toBe(true);
});
