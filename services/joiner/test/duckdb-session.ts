/** A DuckDB session in a folder of its own, as a stage has it. */
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { type DuckDbSession, openDuckDb } from "@airlake/shared/duckdb";

export interface TestSession extends AsyncDisposable {
  readonly session: DuckDbSession;
  readonly folder: string;
  /** Copies a file to where the session may read it, and returns its path there. */
  readonly copyIn: (path: string) => Promise<string>;
}

export async function openSession(): Promise<TestSession> {
  const folder = await mkdtemp(join(tmpdir(), "airlake-enrich-"));
  const duckdb = await openDuckDb({ threads: 1, memoryLimitMb: 256, scratch: folder });
  const session = await duckdb.connect(new AbortController().signal);
  return {
    session,
    folder,
    async copyIn(path) {
      const copy = join(folder, basename(path));
      await copyFile(path, copy);
      return copy;
    },
    async [Symbol.asyncDispose]() {
      session[Symbol.dispose]();
      duckdb[Symbol.dispose]();
      await rm(folder, { recursive: true });
    },
  };
}
