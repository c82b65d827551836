/** Standard input: a person who can be asked, or text. */
import { createInterface } from "node:readline/promises";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";

import type { Input } from "./verb.ts";

/** What of the process is needed. */
export interface InputSource {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** Questions go to stderr: results may be piped. */
export function createInput(source: InputSource): Input {
  return {
    interactive: source.stdin.isTTY === true && source.stderr.isTTY === true,
    ask: async (question) => {
      const lines = createInterface({ input: source.stdin, output: source.stderr });
      try {
        // Ctrl-D ends the input without an answer, which is none.
        return await Promise.race([
          lines.question(question),
          new Promise<string>((resolve) => lines.once("close", () => resolve(""))),
        ]);
      } finally {
        lines.close();
      }
    },
    text: async () => text(source.stdin),
  };
}
