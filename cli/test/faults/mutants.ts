/** The real code with a guarding line taken away, by name: what the suite must find fault with. */
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

// A list of a test's is no export of its package.
// oxlint-disable-next-line no-restricted-imports
import { mutants as protocolMutants } from "../../../shared/test/stage/mutants.ts";

interface Edit {
  /** From the repository's root. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
}

/** Of the protocol's mutants, those whose fault shows without a schedule of its own. */
const ofProtocol = [
  "writes parts without an intent",
  "writes manifests without a condition",
  "takes 412 on its own success for a loss, and deletes its parts",
  "deletes a loser's parts without looking whether they are named",
  "does not send again on a skip",
  "does not look at the input again",
  "works on after its lease",
] as const;

/** What the suite must catch. */
const mutants: readonly Mutant[] = [
  ...ofProtocol.map((name) => {
    const found = protocolMutants.find((one) => one.name === name);
    if (found === undefined) throw new Error(`the protocol has no mutant that ${name}`);
    return { name, edits: found.edits.map((edit) => ({ ...edit, file: `shared/src/stage/${edit.file}` })) };
  }),
  {
    name: "acknowledges before it has committed",
    edits: [
      {
        file: "shared/src/worker/worker.ts",
        from: "    await handBack(deps, options, { hand, message, receiveCount, error, stopping: running.stopSignal.aborted });\n    return false;",
        to: "    return true;",
      },
    ],
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
  },
];

/** From here on, modules are loaded with these edits. Throws where a text to replace is not there exactly once. */
export function mutate(name: string): void {
  const mutant = mutants.find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`there is no mutant that ${name}`);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const edits = mutant.edits.filter(({ file }) => url === new URL(`../../../${file}`, import.meta.url).href);
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
