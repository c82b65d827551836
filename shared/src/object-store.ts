/** The one shape of an S3 client that the services use: the AWS SDK's, or the embedded objects'. */
import { Readable } from "node:stream";

import type { GetObjectCommandOutput, S3Client } from "@aws-sdk/client-s3";

import { TransientError } from "./errors.ts";

export type ObjectStore = Pick<S3Client, "send">;

/** The body of a GET as a stream. Throws TransientError where the answer has none; `where` names the object. */
export function bodyOf(answer: Pick<GetObjectCommandOutput, "Body">, where: string): Readable {
  // In Node the SDK's bodies are Readables.
  if (answer.Body instanceof Readable) return answer.Body;
  throw new TransientError(`the answer for ${where} has no body`);
}
