/** SQL over a lake in AWS, on this machine: of the parts that manifests name, those that the statement can read are brought here. */
import type { DatasetDefinition } from "@airlake/shared/contracts/dataset";

import { CommandError } from "../../command-error.ts";
import type { OpenedLake } from "../../opened-lake.ts";
import type { Progress } from "../../progress.ts";
import { counted, grouped, sized } from "../../text.ts";
import { prepareStatement, readsNothing, selectIn } from "../check-statement.ts";
import type { Query } from "../open-query.ts";
import { type Limits, openViews, viewNames } from "../open-views.ts";
import type { QueryDatabase } from "../query-database.ts";
import { explainQueryError } from "../query-error.ts";
import { type QueryResult, runStatement } from "../run-statement.ts";
import { type Mirror, PartGone, openMirror } from "./mirror.ts";
import { neededParts } from "./needed-parts.ts";

export interface AwsQueryOptions {
  readonly opened: OpenedLake;
  readonly datasets: readonly DatasetDefinition[];
  readonly progress: Progress;
  /** What a statement may bring to this machine at most. */
  readonly maxBytes: number;
  /** Is told what was read, once it is known. */
  readonly tell: (sentence: string) => void;
  readonly limits?: Limits;
}

/** How often a query begins anew because the lake has moved on while it began. */
const tries = 4;
/** Parts that stay in the folder for temporary files. */
const keptBytes = 2_000_000_000;

interface Here {
  readonly mirror: Mirror;
  readonly database: QueryDatabase;
}

/** Opens the lake as it is when it is first asked. */
export function openAwsQuery(options: AwsQueryOptions): Query {
  const views = viewNames(options.datasets);
  let here: Here | undefined;
  const close = async (): Promise<void> => {
    here?.database[Symbol.dispose]();
    await here?.mirror[Symbol.asyncDispose]();
    here = undefined;
  };
  return {
    views,
    run: async (sql, signal) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          here ??= await openHere(options, signal);
          return await ask({ ...options, here, views }, sql, signal);
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof PartGone)) throw explainQueryError(error, views);
          if (attempt === tries) throw gone(error);
          await close();
        }
      }
    },
    [Symbol.asyncDispose]: close,
  };
}

async function openHere({ opened, datasets, progress, limits }: AwsQueryOptions, signal: AbortSignal): Promise<Here> {
  await progress.tick(() => "reading the ledger");
  const mirror = await openMirror({ opened, datasets, keptBytes, signal });
  const stateOf = async ({ name }: DatasetDefinition) => {
    const state = mirror.states.get(name);
    if (state === undefined) throw new TypeError(`no state of ${name}`);
    return state;
  };
  try {
    return { mirror, database: await openViews({ folder: mirror.folder, datasets, stateOf }, limits) };
  } catch (error) {
    await mirror[Symbol.asyncDispose]();
    throw error;
  }
}

interface Asking extends AwsQueryOptions {
  readonly here: Here;
  readonly views: readonly string[];
}

async function ask(asking: Asking, sql: string, signal: AbortSignal): Promise<QueryResult> {
  const { here, views } = asking;
  const { connection } = here.database;
  // What is not allowed, or names what is not there, is refused before anything is brought.
  await prepareStatement(connection, sql);
  const needed = readsNothing(sql)
    ? new Set<string>()
    : await neededParts(connection, selectIn(sql), here.mirror.lists);
  const wereHere = await bring(asking, needed);
  try {
    const result = await runStatement(connection, sql, { signal, views });
    sayRead(asking, needed, wereHere);
    return result;
  } catch (error) {
    if (!isPlaceholder(error)) throw error;
    const all = new Set(here.mirror.parts.keys());
    const more = await bring(asking, all);
    const result = await runStatement(connection, sql, { signal, views });
    sayRead(asking, all, wereHere + more);
    return result;
  }
}

/** An empty file was read after all: which parts a statement needs was misjudged. */
function isPlaceholder(error: unknown): boolean {
  return error instanceof Error && error.message.includes("too small to be a Parquet file");
}

/** Gives how many bytes were on this machine already. */
async function bring({ here: { mirror }, progress, maxBytes }: Asking, needed: ReadonlySet<string>): Promise<number> {
  const bytes = bytesOf(mirror, needed);
  if (bytes > maxBytes)
    throw new CommandError(
      `The statement needs ${sized(bytes)} of the lake's ${sized(bytesOf(mirror, mirror.parts.keys()))}, and at most ${sized(maxBytes)} are brought to this machine.`,
      `Ask for less (WHERE on the partition columns), allow more with --max-mb ${Math.ceil(bytes / 1e6)}, or ask where the lake is, with --engine trino.`,
    );
  let done = 0;
  const wereHere = await mirror.bring(needed, (more) => {
    done += more;
    void progress.tick(() => `bringing ${sized(done)} of ${sized(bytes)}`);
  });
  progress[Symbol.dispose]();
  return wereHere;
}

/** `read 3 of 55 partitions, 1.2 MB of 40 MB`; of all that the tables in question have. */
function sayRead({ here: { mirror }, tell }: Asking, needed: ReadonlySet<string>, wereHere: number): void {
  if (needed.size === 0) return;
  const used = mirror.lists.filter(({ paths }) => paths.some((path) => needed.has(path)));
  const all = used.flatMap(({ paths }) => [...paths]);
  const isGold = used.some(({ kind }) => kind === "gold");
  const [some, total] = [unitsOf(mirror, needed, isGold), unitsOf(mirror, all, isGold)];
  const of = `${grouped(some)} of ${counted(total, isGold ? "partition" : "part")}`;
  const before = wereHere === 0 ? "" : `; ${sized(wereHere)} were here already`;
  tell(`read ${of}, ${sized(bytesOf(mirror, needed))} of ${sized(bytesOf(mirror, all))}${before}`);
}

function unitsOf({ parts }: Mirror, paths: Iterable<string>, isGold: boolean): number {
  const found = [...paths].flatMap((path) => parts.get(path) ?? []);
  if (!isGold) return found.length;
  return new Set(found.filter(({ bucket }) => bucket === "gold").map(({ partition }) => partition)).size;
}

function bytesOf({ parts }: Mirror, paths: Iterable<string>): number {
  return [...paths].reduce((sum, path) => sum + (parts.get(path)?.bytes ?? 0), 0);
}

function gone(error: PartGone): CommandError {
  return new CommandError(
    `${error.message} is missing, which a manifest of the lake names.`,
    "If the lake is being changed right now, run the query again. If it stays so, the part is lost: see airlake reconcile, with this lake's --lake.",
    { cause: error },
  );
}
