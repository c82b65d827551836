/** A cleaner's DuckDB and dataset for tests, and cleaning of bytes and files with them. */
import { createReadStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

import { openDuckDb } from "@airlake/shared/duckdb";
import { loadDataset } from "@airlake/shared/load-dataset";

import { type CleanJob, type Cleaned, createSourceCleaner, type SourceCleanerDeps } from "../src/clean-source.ts";
import { defaultLimits } from "../src/limits.ts";
import type { SourceRejected } from "../src/rejection.ts";

export interface Cleaning extends AsyncDisposable {
  /** Cleans these bytes; `job` changes what is asked for. */
  readonly bytes: (
    bytes: Buffer | string,
    job?: Partial<CleanJob> & { key?: string },
  ) => Promise<Cleaned | SourceRejected>;
  readonly file: (path: string, job?: Partial<CleanJob>) => Promise<Cleaned | SourceRejected>;
  /** The rows of a query; `$part` in it stands for a part's file. */
  readonly query: (sql: string, part?: { readonly file: string }) => Promise<readonly unknown[]>;
}

/** Later than every measurement in the tests: nothing is from the future unless a test says so. */
const farFuture = new Date("9999-12-31T00:00:00Z");

type Sizes = NonNullable<SourceCleanerDeps["sizes"]>;

/** Every source is treated as one of gigabytes. */
export const allLarge: Sizes = { smallBytes: -1, heldBytes: -1 };

export async function openCleaning(datasetFolder = openaqFolder, sizes?: Sizes): Promise<Cleaning> {
  const folder = await mkdtemp(join(tmpdir(), "airlake-cleaner-"));
  const dataset = await loadDataset(datasetFolder);
  const duckdb = await openDuckDb({ threads: 2, memoryLimitMb: 512, scratch: folder });
  const cleanSource = createSourceCleaner({
    engines: { small: duckdb, large: duckdb },
    dataset,
    ...(sizes && { sizes }),
  });
  const clean = async (body: Readable, sizeBytes: number, job: Partial<CleanJob>): Promise<Cleaned | SourceRejected> =>
    cleanSource({
      body,
      sizeBytes,
      source: { bucket: "raw", key: "openaq/source" },
      sourceId: "0123456789abcdef0123456789abcdef",
      lastModified: farFuture,
      rulePack: 1,
      scratch: await mkdtemp(join(folder, "job-")),
      limits: defaultLimits,
      signal: new AbortController().signal,
      ...job,
    });
  return {
    bytes: async (bytes, { key = "openaq/source", ...job } = {}) => {
      const buffer = Buffer.from(bytes);
      return clean(Readable.from([buffer]), buffer.length, { source: { bucket: "raw", key }, ...job });
    },
    file: async (path, job = {}) =>
      clean(createReadStream(path), (await stat(path)).size, {
        source: { bucket: "raw", key: `openaq/${basename(path)}` },
        ...job,
      }),
    query: async (sql, part) => {
      using session = await duckdb.connect(new AbortController().signal);
      return await session.rows(sql.replaceAll("$part", `'${part?.file ?? ""}'`));
    },
    [Symbol.asyncDispose]: async () => {
      duckdb[Symbol.dispose]();
      await rm(folder, { recursive: true });
    },
  };
}

export const openaqFolder = fileURLToPath(new URL("../../../datasets/openaq", import.meta.url));

/** Narrows to a cleaned source; throws with the rejection's words. */
export function cleaned(outcome: Cleaned | SourceRejected): Cleaned {
  if (outcome.kind === "rejected") throw new Error(`${outcome.reason}: ${outcome.detail}`);
  return outcome;
}
