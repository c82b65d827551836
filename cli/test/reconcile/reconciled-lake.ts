/** A small lake of day files, and hands that reach behind the pipeline's back. */
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { PurgeQueueCommand } from "@aws-sdk/client-sqs";
import { systemClock } from "@airlake/shared/clock";
import { type StageName, manifestKey, sourceIdOf } from "@airlake/shared/contracts/keys";
import { type Manifest, manifestSchema } from "@airlake/shared/contracts/manifest";
import { queueRoles } from "@airlake/shared/contracts/topology";

import { openEmbedded } from "../../src/embedded.ts";
import { openLake } from "../../src/lake.ts";
import { json } from "../airlake.ts";
import { dayFile, line } from "../day-file.ts";
import { inProcess } from "../in-process.ts";
import { tempFolder } from "../temp-folder.ts";

export interface Told {
  readonly code: number | null;
  readonly findings: Readonly<Record<string, { readonly count: number; readonly samples: readonly Sample[] }>>;
  readonly left: Readonly<Record<string, { readonly count: number }>>;
  readonly repairs: readonly { readonly kind: string; readonly what: string; readonly did: string }[];
}

interface Sample {
  readonly what: string;
  readonly source: string;
  readonly detail: string;
}

export interface ReconciledLake {
  readonly folder: string;
  readonly args: readonly string[];
  /** Changes raw, and loses the notification. */
  putUnseen(name: string, text: string): Promise<void>;
  removeUnseen(name: string): Promise<void>;
  reconcile(...args: readonly string[]): Promise<Told>;
  manifest(stage: StageName, name: string): Promise<Manifest>;
  /** The file of a manifest. */
  manifestFile(stage: StageName, name: string): string;
  changeManifest(stage: StageName, name: string, change: (manifest: Manifest) => Manifest): Promise<void>;
  /** The file of a source's part in this role. */
  partFile(name: string, role: "clean" | "quarantine" | "gold"): Promise<string>;
  /** All rows, without what differs from lake to lake. */
  rows(): Promise<unknown>;
  query(sql: string): Promise<unknown>;
  /** Every object below silver and gold. */
  objects(): Promise<readonly string[]>;
}

/** Two good records and one that is quarantined; other hours for another name. */
export function fileOf(name: string, value: number | string = 7): string {
  const hour = (name.codePointAt(0) ?? 97) % 20;
  return dayFile([line(hour, value), line(hour + 1), line(hour + 2, "nothing")]);
}

/** A lake with a source for each name, `openaq/day/<name>.csv`. */
export async function reconciledLake(names: readonly string[]): Promise<ReconciledLake> {
  const cwd = await tempFolder();
  const day = join(cwd, "day");
  await mkdir(day);
  for (const name of names) await writeFile(join(day, `${name}.csv`), fileOf(name));
  const folder = join(cwd, "lake");
  const args = ["--lake", folder];
  await inProcess(["run", day, ...args]);

  const keyOf = (name: string): string => `openaq/day/${name}.csv`;
  const manifestFile: ReconciledLake["manifestFile"] = (stage, name) =>
    join(folder, "ops", manifestKey(stage, "openaq", sourceIdOf({ bucket: "raw", key: keyOf(name) })));
  const manifest: ReconciledLake["manifest"] = async (stage, name) =>
    manifestSchema.parse(JSON.parse(await readFile(manifestFile(stage, name), "utf8")));
  const unseen = async (command: PutObjectCommand | DeleteObjectCommand): Promise<void> => {
    await using opened = await openEmbedded(await openLake(folder, "write"), systemClock);
    // One of the two; each is sent as it is.
    await (command instanceof PutObjectCommand ? opened.s3.send(command) : opened.s3.send(command));
    for (const role of queueRoles) await opened.sqs.send(new PurgeQueueCommand({ QueueUrl: opened.queues[role].url }));
  };
  const query = async (sql: string): Promise<unknown> => json(await inProcess(["query", sql, "--json", ...args]));
  return {
    folder,
    args,
    putUnseen: async (name, text) => unseen(new PutObjectCommand({ Bucket: "raw", Key: keyOf(name), Body: text })),
    removeUnseen: async (name) => unseen(new DeleteObjectCommand({ Bucket: "raw", Key: keyOf(name) })),
    async reconcile(...more) {
      const ran = await inProcess(["reconcile", "--json", ...more, ...args]);
      const told = json(ran) as Omit<Told, "code">;
      return { code: ran.code, ...told };
    },
    manifest,
    manifestFile,
    changeManifest: async (stage, name, change) =>
      writeFile(manifestFile(stage, name), `${JSON.stringify(change(await manifest(stage, name)))}\n`),
    async partFile(name, role) {
      const { outputs } = await manifest(role === "gold" ? "joiner" : "cleaner", name);
      const part = outputs.find((one) => one.role === role);
      if (part === undefined) throw new Error(`${name} has no ${role} part`);
      return join(folder, part.bucket, part.key);
    },
    rows: async () => query("SELECT * FROM measurements ORDER BY ALL"),
    query,
    async objects() {
      const entries = await Promise.all(
        ["silver", "gold"].map(async (bucket) =>
          readdir(join(folder, bucket), { recursive: true, withFileTypes: true }),
        ),
      );
      return entries.flat().flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []));
    },
  };
}
