/** What Prometheus reads at /metrics. Names and labels are a contract: docs/runbook.md lists them. */
import { Counter, Gauge, Registry, collectDefaultMetrics } from "prom-client";
import { type Depth, type StatusDeps, depthsOf, readinessOf, tallyOf } from "./status.ts";
import type { Identity } from "./status.ts";

/** The metrics of one worker, read when they are asked for. */
export function createMetrics(deps: StatusDeps, who: Identity): Registry {
  const registry = new Registry();
  const registers = [registry];
  registry.setDefaultLabels({ service: who.name });
  collectDefaultMetrics({ register: registry });

  const version = new Gauge({
    name: "airlake_version_info",
    help: "Always 1; the label says which version runs",
    labelNames: ["version"],
    registers,
  });
  version.set({ version: who.version }, 1);
  const settled: Counter<"outcome"> = new Counter({
    name: "airlake_messages_total",
    help: "Messages by what became of them, since the start",
    labelNames: ["outcome"],
    registers,
    collect: () => {
      settled.reset();
      for (const [outcome, count] of Object.entries(tallyOf(deps).outcomes)) settled.inc({ outcome }, count);
    },
  });
  const inHand: Gauge = new Gauge({
    name: "airlake_messages_in_hand",
    help: "Messages being worked on now",
    registers,
    collect: () => inHand.set(tallyOf(deps).inHand),
  });
  const longest: Gauge = new Gauge({
    name: "airlake_message_in_hand_seconds",
    help: "Seconds that the message longest in hand has been worked on",
    registers,
    collect: () => longest.set(Math.max(0, ...tallyOf(deps).hands.map(({ seconds }) => seconds))),
  });
  const ready: Gauge = new Gauge({
    name: "airlake_ready",
    help: "1 where /health/ready answers 200",
    registers,
    collect: () => ready.set(readinessOf(deps).reasons.length === 0 ? 1 : 0),
  });
  const failing: Gauge = new Gauge({
    name: "airlake_failures_in_a_row",
    help: "Failed messages since the last one that did not fail",
    registers,
    collect: () => failing.set(tallyOf(deps).failuresInARow),
  });
  const depth: Gauge<"queue" | "state"> = new Gauge({
    name: "airlake_queue_messages",
    help: "Messages on the worker's queue and its dead-letter queue, as SQS counts them; absent where it does not answer",
    labelNames: ["queue", "state"],
    registers,
    async collect() {
      const { queue, deadLetters } = await depthsOf(deps);
      depth.reset();
      setDepth(depth, deps.settings.QUEUE, queue);
      setDepth(depth, deps.settings.DEAD_LETTER_QUEUE, deadLetters);
    },
  });
  return registry;
}

function setDepth(gauge: Gauge<"queue" | "state">, queue: string, depth: Depth | null): void {
  if (depth === null) return;
  gauge.set({ queue, state: "visible" }, depth.visible);
  gauge.set({ queue, state: "in_flight" }, depth.inFlight);
  gauge.set({ queue, state: "delayed" }, depth.delayed);
}
