/** Reads a stage's manifests from the lake's folder. */
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";

import { type StageName, manifestPrefix } from "@airlake/shared/contracts/keys";
import { type Manifest, manifestSchema } from "@airlake/shared/contracts/manifest";
import { codeOf } from "@airlake/shared/errors";

import { CommandError } from "../command-error.ts";

/** Between two looks at the rest of the process: some 5 ms of reading. */
const filesPerTurn = 200;

/**
 * Every manifest of one stage about one dataset, by source id; none where the folder is not there.
 * Throws CommandError for one that is damaged or of a newer airlake.
 */
export async function readManifests(
  opsFolder: string,
  of: { readonly stage: StageName; readonly dataset: string },
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, Manifest>> {
  const folder = join(opsFolder, manifestPrefix(of.stage, of.dataset));
  const names = (await namesIn(folder)).filter((name) => /^[0-9a-f]{32}\.json$/.test(name));
  const manifests = new Map<string, Manifest>();
  for (const [at, name] of names.entries()) {
    if (at % filesPerTurn === 0) {
      await turn();
      signal?.throwIfAborted();
    }
    const manifest = readManifest(join(folder, name));
    if (manifest !== undefined) manifests.set(manifest.sourceId, manifest);
  }
  return manifests;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** Not asynchronous: small files are read five times as fast that way, and thousands of them are read before a query. */
function readManifest(path: string): Manifest | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  const json = jsonOf(text);
  const parsed = manifestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const contract = typeof json === "object" && json !== null && "contract" in json ? json.contract : undefined;
  if (contract === "manifest/1" || typeof contract !== "string") {
    throw new CommandError(`The manifest ${path} is damaged.`, "Move that file away and replay its source.", {
      cause: parsed.error,
    });
  }
  throw new CommandError(
    `The manifest ${path} is of a newer airlake (${contract.slice(0, 40)}).`,
    "Use the airlake that wrote it.",
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
