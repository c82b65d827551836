/** `airlake ingest URL`: an object from elsewhere into the lake. */
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { isPlainKey } from "@airlake/shared/contracts/keys";
import { type IngestRequest, ingestRequest } from "@airlake/shared/contracts/messages";
import type { Command } from "commander";

import { CommandError } from "../command-error.ts";
import { defaultDataset } from "../datasets.ts";
import { pipelineRoles } from "../embedded.ts";
import { examples } from "../examples.ts";
import { openLake } from "../lake.ts";
import { folderOf } from "../opened-lake.ts";
import { askToLook } from "../pipeline.ts";
import { type RunReport, noteBefore, reportWhenQuiet } from "../run-files.ts";
import { type Session, sayInterrupted, withServices } from "../session.ts";
import { printable } from "../text.ts";
import type { ExitCode, LakeOptions, VerbDeps } from "../verb.ts";
import { printReport } from "./run.ts";

interface IngestOptions extends LakeOptions {
  readonly dataset: string;
  readonly key?: string;
  readonly unsigned: boolean;
}

export function addIngest(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description(
      "Fetches one object, exactly as it is, runs it through the pipeline and prints what became of its records.",
    )
    .argument("<from>", "https://…, http://… or s3://bucket/key")
    .option("--key <key>", "the key in the lake (default: the dataset's name, /, and the last part of the address)")
    .option("--dataset <name>", "what the file's records mean: a folder under datasets/", defaultDataset)
    .option("--unsigned", "read s3:// without credentials, as public buckets allow", false)
    .addHelpText(
      "after",
      examples([
        ["airlake ingest https://example.org/2018-02-06.csv.gz", ""],
        ["airlake ingest s3://my-bucket/day.csv --key openaq/2018/day.csv", ""],
        ["airlake ingest s3://openaq-data-archive/records/csv.gz/… --unsigned", "from a public bucket"],
      ]),
    )
    .action(async (from: string, _options: unknown, command: Command) => {
      finish(await ingest(deps, from, command.optsWithGlobals<IngestOptions>()));
    });
}

async function ingest(deps: VerbDeps, from: string, options: IngestOptions): Promise<ExitCode> {
  const startedMs = deps.clock.monotonicMs();
  const key = options.key ?? `${options.dataset}/${nameIn(from)}`;
  checkKey(key, options.dataset);
  const lake = await openLake(folderOf(options.lake, "ingest"), "create");
  const roles = ["ingest", ...pipelineRoles] as const;
  const ended = await withServices(deps, { lake, options, roles }, async (session) => {
    const request = requestOf({ from, key, bucket: session.opened.topology.buckets.raw }, options, deps);
    return bringIn(session, request);
  });
  if (ended.kind === "interrupted" || ended.value === undefined) {
    sayInterrupted(deps);
    return ended.kind === "interrupted" ? ended.exitCode : 130;
  }
  return printReport(deps, ended.value, { ...options, seconds: (deps.clock.monotonicMs() - startedMs) / 1000 });
}

/** As the ingestor would refuse it; before a lake is made or a service started. Throws CommandError. */
function checkKey(key: string, dataset: string): void {
  if (isPlainKey(key)) return;
  throw new CommandError(
    `${printable(JSON.stringify(key))} is no key: a part of it is empty or made of dots, or it is in no folder.`,
    `A key is a dataset's name, /, and a name in it, as in --key ${dataset}/2018/day.csv`,
  );
}

async function bringIn(session: Session, request: IngestRequest): Promise<RunReport | undefined> {
  const { opened } = session;
  const { key } = request.to;
  const before = { ...(await noteBefore(opened, [key])), fetched: true };
  // Where the object is there already with the same bytes, no event tells of it; but the rules may be others since.
  if (before.entries.get(key)?.cleaner !== undefined) await askToLook(opened, [key]);
  await opened.sqs.send(
    new SendMessageCommand({ QueueUrl: opened.queues.ingest.url, MessageBody: JSON.stringify(request) }),
  );
  return reportWhenQuiet(session, before);
}

/** The last part of an address's path, decoded. Throws CommandError where it has none. */
export function nameIn(from: string): string {
  const url = URL.canParse(from) ? new URL(from) : undefined;
  if (url === undefined || !/^(https?|s3):$/.test(url.protocol) || url.hostname === "") {
    throw new CommandError(
      `${JSON.stringify(from)} is no address that can be fetched.`,
      "Give https://…, http://… or s3://bucket/key. For files on this machine: airlake run FILE",
    );
  }
  const last = url.pathname.split("/").findLast((part) => part !== "") ?? "";
  const name = decoded(last);
  if (name !== "" && !name.includes("/")) return name;
  throw new CommandError(
    `${from} has no file name to make a key of.`,
    "Say what it should be called, as in --key openaq/day.csv",
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

function requestOf(
  what: { readonly from: string; readonly key: string; readonly bucket: string },
  options: IngestOptions,
  deps: VerbDeps,
): IngestRequest {
  const request = ingestRequest.safeParse({
    contract: "ingest-request/1",
    connector: "object",
    from: what.from,
    to: { bucket: what.bucket, key: what.key },
    unsigned: options.unsigned,
    correlationId: deps.clock.newId(),
  });
  if (request.success) return request.data;
  const [issue] = request.error.issues;
  throw new CommandError(
    `This cannot be fetched: ${issue?.path.join(".") ?? "request"}: ${issue?.message ?? "unknown"}.`,
    "See: airlake ingest --help",
  );
}
