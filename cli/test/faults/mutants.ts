/** The real code with a guarding line taken away, by name: what the suite must find fault with. */
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

import type { QueueRole } from "@airlake/shared/contracts/topology";

// A list of a test's is no export of its package.
// oxlint-disable-next-line no-restricted-imports
import { mutants as protocolMutants } from "../../../shared/test/stage/mutants.ts";

interface Edit {
  /** From the repository's root. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** The aims that make it show, and the fault that they make it show. */
  readonly aims: readonly string[];
  readonly shows: RegExp;
  /** The queues that come to rest all the same. */
  readonly rests: readonly QueueRole[];
}

/** The search has no requests that take time: here the worker must not be told either to give those up. */
const deafToItsLease: Edit = {
  file: "shared/src/worker/worker.ts",
  from: "if (held.lease.isOver()) abort.abort(",
  to: "if (held.lease.isOver()) void (",
};

const orphan = /is there, and no manifest names it$/;
const missing = /is named, and not there$/;
const everywhere: readonly QueueRole[] = ["clean", "join", "catalog"];

/** What the suite must catch: the real code with a guarding line taken away. */
export const mutants: readonly Mutant[] = [
  {
    name: "writes manifests without a condition",
    edits: ofProtocol("writes manifests without a condition"),
    ...{ aims: ["two-at-once"], shows: orphan, rests: everywhere },
  },
  {
    name: "acknowledges before it has committed",
    edits: [
      {
        file: "shared/src/worker/worker.ts",
        from: "        return (await settle(deps, options, running, message)) ? message : undefined;",
        to: "        void settle(deps, options, running, message); return message;",
      },
    ],
    ...{ aims: ["intent-refused", "commit-refused"], shows: /the cleaner says \w+, not current$/, rests: everywhere },
  },
  {
    name: "does not send again on a skip",
    edits: ofProtocol("does not send again on a skip"),
    ...{ aims: ["send-refused"], shows: /gold has no rows, not send-refused/, rests: everywhere },
  },
  {
    name: "deletes a loser's parts without looking whether they are named",
    edits: ofProtocol("deletes a loser's parts without looking whether they are named"),
    ...{ aims: ["commit-answered-late"], shows: missing, rests: ["clean"] },
  },
  {
    name: "takes 412 on its own success for a loss, and deletes its parts",
    edits: ofProtocol("takes 412 on its own success for a loss, and deletes its parts"),
    ...{ aims: ["commit-answer-lost"], shows: missing, rests: ["clean"] },
  },
  {
    name: "writes parts without an intent",
    edits: ofProtocol("writes parts without an intent"),
    ...{ aims: ["commit-refused", "joiner-commit-refused"], shows: orphan, rests: everywhere },
  },
  {
    name: "takes a part that is not there for a deletion",
    edits: [
      {
        file: "services/joiner/src/join-stage.ts",
        from: 'return { kind: "moved" };\n      const kept',
        to: "return wantedOf(target, attempt, { upstream, joined: nothingJoined, dataset: datasetOf(target) });\n      const kept",
      },
    ],
    ...{ aims: ["part-replaced"], shows: /for a while gold had 0 rows of it/, rests: everywhere },
  },
  {
    name: "does not look at the input again",
    edits: ofProtocol("does not look at the input again"),
    ...{ aims: ["there-and-back"], shows: /gold has there-and-back \d other, not/, rests: everywhere },
  },
  {
    name: "works on after its lease",
    edits: [...ofProtocol("works on after its lease"), deafToItsLease],
    ...{ aims: ["lease-over"], shows: orphan, rests: everywhere },
  },
];

/** What the search through schedules takes away. */
function ofProtocol(name: string): readonly Edit[] {
  const found = protocolMutants.find((one) => one.name === name);
  if (found === undefined) throw new Error(`the protocol has no mutant that ${name}`);
  return found.edits.map((edit) => ({ ...edit, file: `shared/src/stage/${edit.file}` }));
}

export function mutantOf(name: string): Mutant {
  const mutant = mutants.find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`there is no mutant that ${name}`);
  return mutant;
}

/** From here on, modules are loaded with these edits. Throws where a text to replace is not there exactly once. */
export function mutate({ edits: all }: Mutant): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const edits = all.filter(({ file }) => url === new URL(`../../../${file}`, import.meta.url).href);
      if (edits.length === 0) return loaded;
      const text = Buffer.from(loaded.source as Uint8Array).toString("utf8");
      return { ...loaded, source: edits.reduce((edited, edit) => replaced(edited, edit, url), text) };
    },
  });
}

function replaced(text: string, { from, to }: Edit, url: string): string {
  const found = text.split(from).length - 1;
  if (found !== 1) throw new Error(`${fileURLToPath(url)} has ${found} times what a mutant replaces: ${from}`);
  return text.replace(from, () => to);
}
