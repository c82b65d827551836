/** The same files through the embedded lake, by the command that people type: what the containers must come to. */
import { execFile } from "node:child_process";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Manifest, manifestSchema } from "@airlake/shared/contracts/manifest";

const run = promisify(execFile);
const command = fileURLToPath(new URL("../../../cli/src/main.ts", import.meta.url));

/** The longest that a command may take, on a machine that has other things to do. */
const longestMs = 280_000;

export interface EmbeddedLake {
  /** The lake's folder. */
  readonly folder: string;
  /** Brings the lake in line with these files, by name. */
  become(files: ReadonlyMap<string, string | Uint8Array>): Promise<void>;
  /** A stage's manifests, by the key of their source. */
  manifests(stage: "cleaner" | "joiner"): Promise<ReadonlyMap<string, Manifest>>;
  /** The gold parts that manifests name. */
  goldParts(): Promise<readonly string[]>;
}

/** `folder` is this lake's own. */
export function createEmbeddedLake(folder: string): EmbeddedLake {
  const [lake, input] = [join(folder, "lake"), join(folder, "files")];
  const airlake = async (...words: readonly string[]): Promise<void> => {
    const options = { timeout: longestMs, maxBuffer: 64 * 1024 * 1024 };
    try {
      await run(process.execPath, [command, ...words, "--lake", lake, "--json"], options);
    } catch (error) {
      // A source was rejected: the manifests tell.
      if (!(error instanceof Error && "code" in error && error.code === 1)) throw error;
    }
  };
  const manifests: EmbeddedLake["manifests"] = async (stage) => {
    const place = join(lake, "ops", "manifests", stage, "openaq");
    const texts = (await readdir(place)).map(async (name) => readFile(join(place, name), "utf8"));
    const read = (await Promise.all(texts)).map((text) => manifestSchema.parse(JSON.parse(text)));
    return new Map(read.map((manifest) => [manifest.source.key, manifest]));
  };
  return {
    folder: lake,
    manifests,
    become: async (files) => {
      await mkdir(input, { recursive: true });
      for (const name of await readdir(input)) {
        if (files.has(name)) continue;
        await rm(join(input, name));
        await airlake("rm", `openaq/${name}`, "--yes");
      }
      for (const [name, body] of files) await writeFile(join(input, name), body);
      await airlake("run", ...[...files.keys()].map((name) => join(input, name)));
    },
    goldParts: async () => {
      const outputs = [...(await manifests("joiner")).values()].flatMap((manifest) => manifest.outputs);
      return outputs.map(({ key }) => join(lake, "gold", key));
    },
  };
}
