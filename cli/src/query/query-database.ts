/** The DuckDB instance that queries run in: in memory, without the network, and of the disk with the lake's buckets alone. */
import { rmSync } from "node:fs";
import { mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { codeOf } from "@airlake/shared/errors";
import { quoteText } from "@airlake/shared/duckdb";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";

export interface DatabaseOptions {
  readonly threads: number;
  /** What DuckDB's buffers may hold before it spills, in MiB. */
  readonly memoryLimitMb: number;
}

/** Beyond this a query is too large for this machine, and the disk is not to be filled by it. */
const spillLimit = "50GB";

/** An instance and its one connection for queries. */
export interface QueryDatabase extends Disposable {
  readonly connection: DuckDBConnection;
  /** Ends all access to the disk but reading below these folders, and every change of settings. */
  lock(folders: readonly string[]): Promise<void>;
}

/** Opens an instance that is not locked yet. */
export async function openDatabase(options: DatabaseOptions): Promise<QueryDatabase> {
  const spillFolder = await makeSpillFolder();
  const discardSpill = (): void => {
    if (spillFolder !== undefined) rmSync(spillFolder, { recursive: true, force: true });
  };
  // A reader of a pipe who has enough (`| head`), or a second Ctrl-C, ends the process at once.
  process.once("exit", discardSpill);
  const instance = await DuckDBInstance.create(":memory:", {
    threads: String(options.threads),
    memory_limit: `${options.memoryLimitMb}MiB`,
    temp_directory: spillFolder ?? "",
    max_temp_directory_size: spillLimit,
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    allow_community_extensions: "false",
    allow_persistent_secrets: "false",
  });
  const connection = await instance.connect();
  return {
    connection,
    lock: async (folders) => {
      const real = await Promise.all(folders.map(realFolder));
      const allowed = real.flatMap((folder) => (folder === undefined ? [] : [quoteText(folder)]));
      // The same answer everywhere: instants are shown and cut into days in UTC.
      await connection.run("SET GLOBAL TimeZone = 'UTC'");
      await connection.run(`SET GLOBAL allowed_directories = [${allowed.join(", ")}]`);
      await connection.run("SET GLOBAL enable_external_access = false");
      await connection.run("SET GLOBAL lock_configuration = true");
    },
    [Symbol.dispose]: () => {
      connection.closeSync();
      instance.closeSync();
      process.off("exit", discardSpill);
      discardSpill();
    },
  };
}

/** For what does not fit into memory, closed to other users; undefined where there is no place for it: then memory must do. */
async function makeSpillFolder(): Promise<string | undefined> {
  try {
    return await mkdtemp(join(tmpdir(), "airlake-query-"));
  } catch (error) {
    if (codeOf(error) !== undefined) return undefined;
    throw error;
  }
}

/** The folders of the lake's buckets: what a query may read. */
export function bucketFolders(lakeFolder: string): Readonly<Record<"raw" | "silver" | "gold" | "ops", string>> {
  return {
    raw: join(lakeFolder, "raw"),
    silver: join(lakeFolder, "silver"),
    gold: join(lakeFolder, "gold"),
    ops: join(lakeFolder, "ops"),
  };
}

/** The folder without links, as DuckDB compares it; undefined where it is not there. */
async function realFolder(folder: string): Promise<string | undefined> {
  try {
    return await realpath(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
