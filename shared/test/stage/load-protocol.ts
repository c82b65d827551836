/** Loads a copy of the real protocol: as it is, or with lines of its text replaced. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import type * as alignModule from "../../src/stage/align.ts";
import type * as storeModule from "../../src/stage/manifest-store.ts";

export interface Protocol {
  readonly align: typeof alignModule.align;
  readonly createManifestStore: typeof storeModule.createManifestStore;
}

/** A line of the protocol and what is to stand in its place. */
export interface Edit {
  readonly file: (typeof files)[number];
  readonly from: string;
  readonly to: string;
}

const files = ["align.ts", "delete-parts.ts", "manifest-steps.ts", "manifest-store.ts", "put-parts.ts"] as const;
const sources = new URL("../../src/", import.meta.url);
const scratch = fileURLToPath(new URL("../../../.scratch/", import.meta.url));

/**
 * Imports the protocol's files from a copy. Files are left out, so that a run is promises alone: thousands a second.
 * Throws where a text to replace is not there exactly once.
 */
export async function loadProtocol(edits: readonly Edit[] = []): Promise<Protocol> {
  await mkdir(scratch, { recursive: true });
  const folder = await mkdtemp(join(scratch, "protocol-"));
  try {
    await writeFile(join(folder, "no-files.ts"), noFiles);
    for (const file of files) {
      const text = await readFile(new URL(`stage/${file}`, sources), "utf8");
      const edited = edits.filter((edit) => edit.file === file).reduce(replaced, text);
      await writeFile(join(folder, file), linked(edited));
    }
    const load = async (file: string): Promise<unknown> =>
      import(/* @vite-ignore */ pathToFileURL(join(folder, file)).href);
    const { align } = (await load("align.ts")) as typeof alignModule;
    const { createManifestStore } = (await load("manifest-store.ts")) as typeof storeModule;
    return { align, createManifestStore };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the protocol takes of `node:fs`: here a file's name is its content. */
const noFiles = `
export const createReadStream = (file: string) => Object.assign(new String(file), { on: () => {}, destroy: () => {} });
`;

function replaced(text: string, { file, from, to }: Edit): string {
  const found = text.split(from).length - 1;
  if (found !== 1) throw new Error(`${file} has ${found} times what a mutant replaces: ${from}`);
  return text.replace(from, () => to);
}

/** The copy's imports: other folders of the sources from where they are, files from memory. */
function linked(text: string): string {
  return text
    .replaceAll(/from "\.\.\//g, `from "${fileURLToPath(sources)}`)
    .replaceAll(/from "node:fs(?:\/promises)?"/g, 'from "./no-files.ts"');
}
