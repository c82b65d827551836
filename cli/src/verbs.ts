/** The verbs: their names, what help says of them, and where they are. A verb's code is loaded when it is called. */
import type { Command } from "commander";

import type { ExitCode, VerbDeps } from "./verb.ts";

/** Gives a verb its arguments, options, help and work. `finish` is told how it ended. */
export type DefineVerb = (verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void) => void;

export interface VerbEntry {
  readonly name: string;
  /** Its arguments, as the list of verbs shows them. */
  readonly takes: string;
  readonly summary: string;
  readonly group: string;
  readonly load: () => Promise<DefineVerb>;
}

const fill = "Fill the lake:";
const ask = "Look into it:";
const begin = "Try it out:";

/** In the order of help. */
export const verbs: readonly VerbEntry[] = [
  {
    name: "demo",
    takes: "",
    summary: "run a generated day through the whole pipeline (what `npm start` does)",
    group: begin,
    load: async () => (await import("./verbs/demo.ts")).addDemo,
  },
  {
    name: "sample",
    takes: "DIR",
    summary: "generate files of one day, with known defects",
    group: begin,
    load: async () => (await import("./verbs/sample.ts")).addSample,
  },
  {
    name: "run",
    takes: "PATH…",
    summary: "bring files into the lake and print what became of every record",
    group: fill,
    load: async () => (await import("./verbs/run.ts")).addRun,
  },
  {
    name: "ingest",
    takes: "URL",
    summary: "fetch one file by URL, or from S3, into the lake",
    group: fill,
    load: async () => (await import("./verbs/ingest.ts")).addIngest,
  },
  {
    name: "up",
    takes: "",
    summary: "run the pipeline until it is stopped, and take files from a folder as they come",
    group: fill,
    load: async () => (await import("./verbs/up.ts")).addUp,
  },
  {
    name: "put",
    takes: "PATH…",
    summary: "bring files into a lake whose services run by themselves",
    group: fill,
    load: async () => (await import("./verbs/put.ts")).addPut,
  },
  {
    name: "reprocess",
    takes: "[PREFIX…]",
    summary: "do again what was made under other rules or definitions",
    group: fill,
    load: async () => (await import("./verbs/reprocess.ts")).addReprocess,
  },
  {
    name: "reconcile",
    takes: "",
    summary: "compare raw, manifests, parts and catalog, and mend what is off",
    group: fill,
    load: async () => (await import("./verbs/reconcile.ts")).addReconcile,
  },
  {
    name: "fuse",
    takes: "[pass|mend]",
    summary: "see what stopped a mass retraction, and let it pass",
    group: fill,
    load: async () => (await import("./verbs/fuse.ts")).addFuse,
  },
  {
    name: "rm",
    takes: "KEY…",
    summary: "take sources out of the lake, with all their records",
    group: fill,
    load: async () => (await import("./verbs/rm.ts")).addRm,
  },
  {
    name: "query",
    takes: "SQL",
    summary: "ask the lake in SQL",
    group: ask,
    load: async () => (await import("./verbs/query.ts")).addQuery,
  },
  {
    name: "sources",
    takes: "",
    summary: "list the sources: state, format, counts",
    group: ask,
    load: async () => (await import("./verbs/sources.ts")).addSources,
  },
  {
    name: "quarantine",
    takes: "ls|show|export|release",
    summary: "look at the records that were not kept, and why",
    group: ask,
    load: async () => (await import("./verbs/quarantine.ts")).addQuarantine,
  },
  {
    name: "dlq",
    takes: "ls|show|…",
    summary: "look at the messages that died, send them again, or let them go",
    group: ask,
    load: async () => (await import("./verbs/dlq.ts")).addDlq,
  },
  {
    name: "audit",
    takes: "[ID]",
    summary: "list what operators did to the lake, when and why",
    group: ask,
    load: async () => (await import("./verbs/audit.ts")).addAudit,
  },
  {
    name: "status",
    takes: "",
    summary: "show how the lake is: size, sources, records, queues",
    group: ask,
    load: async () => (await import("./verbs/status.ts")).addStatus,
  },
];
