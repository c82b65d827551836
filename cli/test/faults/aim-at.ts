/** Lets every aim at its own sources, before and after each request of the workers. */
import { DeleteMessageCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import type { Clients } from "@airlake/shared/clients";

import type { AimedSource } from "./aimed-sources.ts";
import type { Aiming, World } from "./aims.ts";
import { type Sighting, type Spotter, createSpotter } from "./sightings.ts";

type Send = (command: unknown, options?: unknown) => Promise<unknown>;

export interface Aimed {
  around(who: string, clients: Clients, world: World): Clients;
  /** The receipts under which the cleaner has messages about a source in hand. */
  receiptsOf(source: string): readonly string[];
  acknowledgements(source: string): number;
  /** Whether an aim holds anybody up. */
  isBusy(): boolean;
  /** Sources whose aim never struck. */
  missed(): readonly string[];
}

export function aimAt(sources: ReadonlyMap<string, AimedSource>, keysById: ReadonlyMap<string, string>): Aimed {
  const cleaner = createSpotter("cleaner", keysById);
  const struck = new Set<string>();
  const noted = new Set<string>();
  const acknowledged: string[] = [];
  let busy = 0;
  const aimingAt = ({ source }: Sighting, { bodies }: AimedSource, world: World): Aiming => ({
    world,
    bodies,
    noted,
    first(what) {
      const isFirst = !struck.has(`${source} ${what}`);
      struck.add(`${source} ${what}`);
      return isFirst;
    },
  });
  const sendOf = (spotter: Spotter, send: Send, world: World): Send => {
    const aim = async (when: "before" | "after", seen: Sighting | undefined): Promise<void> => {
      const source = seen === undefined ? undefined : sources.get(seen.source);
      if (seen === undefined || source === undefined) return;
      busy += 1;
      try {
        if ((await source.aim[when]?.(seen, aimingAt(seen, source, world))) !== "dies") return;
      } finally {
        busy -= 1;
      }
      await new Promise<never>(() => {});
    };
    return async (command, options) => {
      const seen = command instanceof ReceiveMessageCommand ? undefined : spotter.spot(command);
      await aim("before", seen);
      const answer = await send(command, options);
      spotter.received(command, answer);
      if (seen !== undefined && command instanceof DeleteMessageCommand && spotter === cleaner)
        acknowledged.push(seen.source);
      await aim("after", seen);
      return answer;
    };
  };
  return {
    around(who, clients, world) {
      const spotter = who === "cleaner" ? cleaner : createSpotter(who, keysById);
      return {
        ...clients,
        s3: { send: sendOf(spotter, clients.s3.send.bind(clients.s3) as Send, world) as Clients["s3"]["send"] },
        sqs: { send: sendOf(spotter, clients.sqs.send.bind(clients.sqs) as Send, world) as Clients["sqs"]["send"] },
      };
    },
    receiptsOf: (source) => cleaner.receiptsOf(source),
    acknowledgements: (source) => acknowledged.filter((one) => one === source).length,
    isBusy: () => busy > 0,
    missed: () => [...sources.keys()].filter((key) => ![...struck].some((one) => one.startsWith(`${key} `))),
  };
}
