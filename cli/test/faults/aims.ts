/**
 * Faults that are aimed: each at one step of the protocol, on sources of its own, when it hurts most. Once for each source; whatever
 * comes afterwards goes well. The real code makes good each of them. With a guarding line taken away, one of them shows it.
 */
import type { Fate } from "./plan.ts";
import { refusal, reset, timeOut } from "./mishaps.ts";
import type { Sighting } from "./sightings.ts";

/** What an aim can do to the world behind the worker's back. */
export interface World {
  put(source: string, body: string): Promise<void>;
  /** Sends the cleaner one more message about a source. */
  look(source: string): Promise<void>;
  /** The cleaner's messages about a source that are in hand are given to others, too. */
  shareOut(source: string): Promise<void>;
  /** Waits until the cleaner has committed so and is done with it. */
  untilCleaned(source: string, is: "current" | "rejected"): Promise<void>;
  untilAcknowledged(source: string): Promise<void>;
  untilGone(bucket: string, key: string): Promise<void>;
  /** Waits until whatever a worker holds now, it knows to hold no longer. */
  untilLeasesAreOver(): Promise<void>;
}

export interface Aim {
  readonly name: string;
  /** The versions of its sources: the first is there from the start, the aim puts the others. */
  readonly versions: readonly ("good" | "other" | "broken")[];
  /** Of the source that is left. */
  readonly last: Fate["last"];
  /** Throws for a request that does not arrive. */
  readonly before?: Hook;
  /** Throws for one whose answer is lost. */
  readonly after?: Hook;
}

/** "dies": its worker never hears of it again, as if its process had been killed. */
type Hook = (sighting: Sighting, aiming: Aiming) => Promise<void | "dies">;

export interface Aiming {
  readonly world: World;
  readonly bodies: Readonly<Record<"good" | "other" | "broken", string>>;
  /** True the first time for this source. */
  first(what: string): boolean;
  /** Things that an aim wants to know again later. */
  readonly noted: Set<string>;
}

const good = { versions: ["good"], last: "good" } as const;

/** Refuses the first request of this kind. */
function refuses(name: string, who: string, deed: Sighting["deed"], error: () => Error): Aim {
  return {
    ...good,
    name,
    async before(seen, { first }) {
      if (seen.who === who && seen.deed === deed && first(name)) throw error();
    },
  };
}

function loses(name: string, who: string, deed: Sighting["deed"]): Aim {
  return {
    ...good,
    name,
    async after(seen, { first }) {
      if (seen.who === who && seen.deed === deed && first(name)) throw reset("the answer was lost");
    },
  };
}

/** The answer to the cleaner's commit is lost late: by then another has committed a rejection, which keeps the rows. */
const spoilt: Aim = {
  name: "commit-answered-late",
  versions: ["good", "broken"],
  last: "broken",
  async after({ who, deed, source }, { first, world, bodies }) {
    if (who !== "cleaner" || deed !== "commits" || !first("spoilt")) return;
    await world.put(source, bodies.broken);
    await world.untilCleaned(source, "rejected");
    throw timeOut();
  },
};

/** A second attempt begins and ends while the first is between its intent and its commit. */
const twoAtOnce: Aim = {
  ...good,
  name: "two-at-once",
  async after({ who, deed, source }, { first, world }) {
    if (who !== "cleaner" || deed !== "puts its intent" || !first("two")) return;
    await world.look(source);
    await world.untilCleaned(source, "current");
  },
};

/** A, B, A: somebody sees the second A and finds all in line, while another still works on B. */
const thereAndBack: Aim = {
  name: "there-and-back",
  versions: ["good", "other", "good"],
  last: "good",
  async after({ who, deed, source }, { first, world, bodies, noted }) {
    if (who !== "cleaner") return;
    if (deed === "acknowledges" && first("there")) {
      noted.add(source);
      await world.put(source, bodies.other);
    } else if (deed === "reads the source" && noted.has(source) && first("back")) {
      await world.put(source, bodies.good);
      await world.untilAcknowledged(source);
    }
  },
};

/** The part that the joiner is about to read is replaced, and deleted. */
const replaced: Aim = {
  name: "part-replaced",
  versions: ["good", "other"],
  last: "good",
  async before({ who, deed, source, input }, { first, world, bodies }) {
    if (who !== "joiner" || deed !== "reads a part" || !first("replaced")) return;
    await world.put(source, bodies.other);
    await world.untilGone(String(input["Bucket"]), String(input["Key"]));
  },
};

/** The aim that waits for the end of a lease. */
export const endOfLease = "lease-over";

/** The answer to an intent is so late that another has done the work, and the lease is over. Who goes on and puts parts, dies of it. */
const overtaken: Aim = {
  ...good,
  name: endOfLease,
  async before({ who, deed, source }, { noted }) {
    if (who === "cleaner" && deed === "renews" && noted.has(source)) throw timeOut();
  },
  async after({ who, deed, source, input }, { first, world, noted }) {
    if (who !== "cleaner") return undefined;
    if (deed === "puts a part" && noted.has(String(input["Key"]))) return "dies";
    if (deed !== "puts its intent" || !first("overtaken")) return undefined;
    const { pending } = JSON.parse(String(input["Body"])) as { readonly pending: readonly { readonly key: string }[] };
    noted.add(source);
    for (const { key } of pending) noted.add(key);
    await world.shareOut(source);
    await world.untilCleaned(source, "current");
    await world.untilLeasesAreOver();
    noted.delete(source);
    return undefined;
  },
};

const conflict = (): Error => refusal("ConditionalRequestConflict", 409);
const slowDown = (): Error => refusal("SlowDown", 503);
const throttled = (): Error => refusal("ThrottlingException", 429);

export const aims: readonly Aim[] = [
  refuses("intent-refused", "cleaner", "puts its intent", slowDown),
  refuses("part-refused", "cleaner", "puts a part", () => reset("socket hang up")),
  refuses("commit-refused", "cleaner", "commits", conflict),
  refuses("joiner-commit-refused", "joiner", "commits", timeOut),
  refuses("send-refused", "cleaner", "sends", throttled),
  refuses("joiner-send-refused", "joiner", "sends", slowDown),
  loses("commit-answer-lost", "cleaner", "commits"),
  loses("joiner-commit-answer-lost", "joiner", "commits"),
  loses("send-answer-lost", "cleaner", "sends"),
  spoilt,
  twoAtOnce,
  thereAndBack,
  replaced,
  overtaken,
];
