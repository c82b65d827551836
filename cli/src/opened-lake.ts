/** A lake wherever it is: in a folder, or in buckets and queues behind the AWS APIs. */
import type { Clock } from "@airlake/shared/clock";
import type { QueueRole, Topology } from "@airlake/shared/contracts/topology";
import type { ObjectStore } from "@airlake/shared/object-store";
import type { QueueClient } from "@airlake/shared/queue-client";

import { awsPrefixOf, openAwsLake } from "./aws-lake.ts";
import { CommandError, diskCodeOf } from "./command-error.ts";
import { type Lake, openLake } from "./lake.ts";
import type { QueueUrls } from "./set-up.ts";

/** A lake with its buckets and queues. */
export interface OpenedLake extends AsyncDisposable {
  /** Its folder; undefined where it lies in AWS, or in an emulator of it. */
  readonly lake: Lake | undefined;
  /** As the person gave it, for messages and for what to type next. */
  readonly shown: string;
  readonly s3: ObjectStore;
  readonly sqs: QueueClient;
  readonly clock: Clock;
  readonly topology: Topology;
  readonly queues: Readonly<Record<QueueRole, QueueUrls>>;
}

/**
 * Opens the lake that `--lake` names: a folder that is one, or `aws:PREFIX`, the buckets and queues whose names begin with PREFIX.
 * Throws CommandError where it is not there, cannot be written ("write"), does not answer or refuses.
 */
export async function openAnyLake(shown: string, want: "write" | "read", clock: Clock): Promise<OpenedLake> {
  const prefix = awsPrefixOf(shown);
  if (prefix !== undefined) return openAwsLake(prefix, clock);
  // Loaded when it is needed: what asks AWS needs no embedded queues.
  const { openEmbedded } = await import("./embedded.ts");
  const lake = await openLake(shown, want);
  try {
    return await openEmbedded(lake, clock);
  } catch (error) {
    throw onlyReadable(shown, error) ?? error;
  }
}

/** Undefined for whatever else it is. */
function onlyReadable(shown: string, error: unknown): CommandError | undefined {
  const code = diskCodeOf(error);
  if (code !== "EROFS" && code !== "EACCES" && code !== "EPERM") return undefined;
  return new CommandError(
    `The lake ${shown} cannot be written, and its queues are opened for writing, even to be looked at.`,
    "Mend its permissions, or copy it to where you can write. To ask it in SQL, airlake query needs no more than reading.",
    { cause: error },
  );
}

/** For what works on a lake's folder alone. Throws CommandError where `--lake` names another. */
export function folderOf(shown: string, verb: string): string {
  if (awsPrefixOf(shown) === undefined) return shown;
  throw new CommandError(
    `airlake ${verb} works on a lake in a folder, and ${shown} is none: there the services run by themselves.`,
    "Give a folder with --lake DIR. To bring files into that lake: airlake put FILE…",
  );
}
