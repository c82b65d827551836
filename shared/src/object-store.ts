/** The one shape of an S3 client that the services use: the AWS SDK's, or the embedded objects'. */
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import type { GetObjectCommandOutput, S3Client } from "@aws-sdk/client-s3";

import { TransientError } from "./errors.ts";

export type ObjectStore = Pick<S3Client, "send">;

/** The body of a GET as a stream. Throws TransientError where the answer has none; `where` names the object. */
export function bodyOf(answer: Pick<GetObjectCommandOutput, "Body">, where: string): Readable {
  // In Node the SDK's bodies are Readables.
  if (answer.Body instanceof Readable) return answer.Body;
  throw new TransientError(`the answer for ${where} has no body`);
}

/** A body whose bytes lie in a file on this machine already: that of an embedded lake. */
export interface LinkableBody extends Readable {
  /** Gives the file that has the body another name, at which nobody may write. False where it cannot: then the body is still to be read. */
  linkTo(file: string): boolean;
}

/** Writes the body of a GET to a file that is not there yet. */
export async function saveBody(
  answer: Pick<GetObjectCommandOutput, "Body">,
  file: string,
  of: { readonly where: string; readonly signal: AbortSignal },
): Promise<void> {
  const body = bodyOf(answer, of.where);
  try {
    if (isLinkable(body) && body.linkTo(file)) return;
    // Never into a file that is there: it could be a link to an object.
    await pipeline(body, createWriteStream(file, { flags: "wx" }), { signal: of.signal });
  } finally {
    body.destroy();
  }
}

function isLinkable(body: Readable): body is LinkableBody {
  return "linkTo" in body && typeof body.linkTo === "function";
}
